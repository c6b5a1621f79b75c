//! needed: libthrow libpass
//! output: plugin.so
#include <cstdio>

#include "throwing.h"

// A type that only the plugin has, with a base that everybody knows.
struct PluginError : Broken {
  PluginError() : Broken("the plugin is broken", 99) {}
  const char *what() const noexcept override { return "the plugin says so"; }
};

extern "C" void plugin_throw(int number) {
  Guard guard("in the plugin");
  if (number == 0) throw PluginError();
  pass(number);
}

// Calls back into the program, whose exception comes through here.
extern "C" int plugin_call(void (*callback)(int), int argument) {
  Guard guard("around the callback");
  try {
    callback(argument);
  } catch (int number) {
    return number;
  }
  return -1;
}
