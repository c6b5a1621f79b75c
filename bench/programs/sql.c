/* Runs the statements of a file, each of which ends a line, and prints rows and errors. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static int row(void *unused, int count, char **values, char **names) {
    for (int i = 0; i < count; i++) printf("%s%s", i ? "|" : "", values[i] ? values[i] : "");
    puts("");
    return 0;
}

int main(int argc, char **argv) {
    static char text[1 << 16];
    sqlite3 *db;
    if (argc != 3) return fputs("sql DATABASE FILE\n", stderr), 2;
    if (sqlite3_open(argv[1], &db)) return fprintf(stderr, "%s\n", sqlite3_errmsg(db)), 1;
    sqlite3_enable_load_extension(db, 1);
    FILE *file = fopen(argv[2], "r");
    if (!file) return perror(argv[2]), 2;
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    for (char *at = text, *end; *at; at = end + 2) {
        char *error = 0;
        end = strstr(at, ";\n");
        if (end) end[1] = 0;
        if (sqlite3_exec(db, at, row, 0, &error)) printf("error: %s\n", error);
        sqlite3_free(error);
        if (!end) break;
    }
    return sqlite3_close(db);
}
