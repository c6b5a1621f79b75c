/* A library that Kotlin calls. */
static int calls_made;

int count_words(const char *text, int length)
{
    int words = 0, is_inside = 0;
    calls_made++;
    for (int i = 0; i < length; i++) {
        int is_space = text[i] == ' ';
        words += !is_space && !is_inside;
        is_inside = !is_space;
    }
    return words;
}

int calls(void)
{
    return calls_made;
}
