/* bool, true, false for C before C23. */
#ifndef MINI_STDBOOL_H
#define MINI_STDBOOL_H

#ifndef __cplusplus
#define bool _Bool
#define true 1
#define false 0
#endif

#endif
