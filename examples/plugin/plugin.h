/* What a plugin exports. */
#ifndef PLUGIN_H
#define PLUGIN_H

/* Its name, a data symbol. */
extern const char plugin_name[];
/* Makes `text` into another one, in place. */
void plugin_apply(char *text);

/* What the host offers to its plugins. */
void host_log(const char *message);

#endif
