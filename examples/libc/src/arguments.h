/* The program's arguments. */
#ifndef MINI_ARGUMENTS_H
#define MINI_ARGUMENTS_H

/* Reads them from the host: `*argv` has `*argc` strings and a final NULL. Its
   one caller is `_start`, in the main program. */
void __mini_arguments(int *argc, char ***argv);

#endif
