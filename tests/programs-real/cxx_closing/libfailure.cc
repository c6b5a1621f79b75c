#include "failure.h"

const char *Failure::what() const noexcept { return "failed, says libfailure"; }
