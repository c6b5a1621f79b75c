//! C++ exceptions in both encodings: across libraries, out of callbacks, through a plugin.
//!
//! toolchain: base cxx
//! exceptions: exnref legacy
//! needed: libthrow libpass
//! ldflags: -ldl
//!
//! run: -L $TOOLCHAIN/lib-exnref exnref/main.wasm
//! stdout: by class
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   gone: in main
//! stdout:   Broken: it is broken, 17
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   std::exception: it is broken, 6Broken
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   int: 42
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   something
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   pass returns
//! stdout:   gone: outer in pass
//! stdout: rethrown
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   seen on the way: it is broken
//! stdout:   gone: in pass_and_rethrow
//! stdout:   std::runtime_error: it is broken
//! stdout: nested
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   a plain string inside it is broken
//! stdout:   around it: it is broken
//! stdout:   gone: in throw_number
//! stdout:   kept: 17
//! stdout: callbacks
//! stdout:   gone: in the comparison
//! stdout:   out of qsort: 7 is not wanted
//! stdout:   out of libc++.so: std::out_of_range
//! stdout:   out of libc++abi.so: std::bad_alloc
//! stdout: plugins
//! stdout:   gone: in the plugin
//! stdout:   Broken: the plugin says so, 99
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   gone: in the plugin
//! stdout:   Closed until 9
//! stdout:   gone: around the callback
//! stdout:   the plugin caught 7
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   gone: around the callback
//! stdout:   through the plugin: it is broken
//! stdout: many: 20000
//!
//! run: -L $TOOLCHAIN/lib-legacy legacy/main.wasm
//! stdout: by class
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   gone: in main
//! stdout:   Broken: it is broken, 17
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   std::exception: it is broken, 6Broken
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   int: 42
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   something
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   pass returns
//! stdout:   gone: outer in pass
//! stdout: rethrown
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   seen on the way: it is broken
//! stdout:   gone: in pass_and_rethrow
//! stdout:   std::runtime_error: it is broken
//! stdout: nested
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   a plain string inside it is broken
//! stdout:   around it: it is broken
//! stdout:   gone: in throw_number
//! stdout:   kept: 17
//! stdout: callbacks
//! stdout:   gone: in the comparison
//! stdout:   out of qsort: 7 is not wanted
//! stdout:   out of libc++.so: std::out_of_range
//! stdout:   out of libc++abi.so: std::bad_alloc
//! stdout: plugins
//! stdout:   gone: in the plugin
//! stdout:   Broken: the plugin says so, 99
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   gone: in the plugin
//! stdout:   Closed until 9
//! stdout:   gone: around the callback
//! stdout:   the plugin caught 7
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! stdout:   gone: around the callback
//! stdout:   through the plugin: it is broken
//! stdout: many: 20000
//!
//! run: -L $TOOLCHAIN/lib-exnref exnref/main.wasm 1
//! stderr-contains: wasm trap: uncaught exception: `Broken`: it is broken
//! stderr-contains: libthrow.so!throw_number(int)
//! stderr-contains: libpass.so!pass(int)
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib-legacy legacy/main.wasm 1
//! stderr-contains: wasm trap: uncaught exception: `Broken`: it is broken
//! stderr-contains: libthrow.so!throw_number(int)
//! stderr-contains: libpass.so!pass(int)
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib-exnref exnref/main.wasm 2
//! stderr-contains: wasm trap: uncaught exception: `int`
//! stderr-contains: libthrow.so!throw_number(int)
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib-legacy legacy/main.wasm 2
//! stderr-contains: wasm trap: uncaught exception: `int`
//! stderr-contains: libthrow.so!throw_number(int)
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib-exnref exnref/main.wasm 3
//! stderr-contains: wasm trap: uncaught exception: `char const*`
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib-legacy legacy/main.wasm 3
//! stderr-contains: wasm trap: uncaught exception: `char const*`
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib-exnref exnref/main.wasm 4
//! stderr-contains: wasm trap: uncaught exception: `shop::Closed`
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib-legacy legacy/main.wasm 4
//! stderr-contains: wasm trap: uncaught exception: `shop::Closed`
//! stdout:   gone: in throw_number
//! stdout:   gone: inner in pass
//! stdout:   gone: outer in pass
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib-exnref exnref/main.wasm plugin
//! stderr-contains: wasm trap: uncaught exception: `PluginError`: the plugin says so
//! stderr-contains: plugin.so!plugin_throw
//! stdout:   gone: in the plugin
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib-legacy legacy/main.wasm plugin
//! stderr-contains: wasm trap: uncaught exception: `PluginError`: the plugin says so
//! stderr-contains: plugin.so!plugin_throw
//! stdout:   gone: in the plugin
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib-exnref exnref/main.wasm noexcept
//! stderr-contains: libc++abi: terminating
//! stderr-contains: wasm trap: unreachable
//! stderr-contains: libc++abi.so!std::terminate()
//! stdout:   gone: in throw_number
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib-legacy legacy/main.wasm noexcept
//! stderr-contains: libc++abi: terminating
//! stderr-contains: wasm trap: unreachable
//! stderr-contains: libc++abi.so!std::terminate()
//! stdout:   gone: in throw_number
//! exit: 134
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <typeinfo>
#include <vector>

#include "throwing.h"

namespace {

using Throw = void (*)(int);
using Call = int (*)(Throw, int);

void by_class() {
  std::puts("by class");
  try {
    Guard guard("in main");
    pass(1);
  } catch (const shop::Closed &) {
    std::puts("  wrong");
  } catch (const Broken &broken) {
    std::printf("  Broken: %s, %d\n", broken.what(), broken.code);
  }
  try {
    pass(1);
  } catch (const std::exception &error) {
    std::printf("  std::exception: %s, %s\n", error.what(), typeid(error).name());
  }
  try {
    pass(2);
  } catch (const std::exception &) {
    std::puts("  wrong");
  } catch (int number) {
    std::printf("  int: %d\n", number);
  }
  try {
    pass(4);
  } catch (...) {
    std::puts("  something");
  }
  pass(0);
}

void rethrown() {
  std::puts("rethrown");
  try {
    pass_and_rethrow(1);
  } catch (const std::runtime_error &error) {
    std::printf("  std::runtime_error: %s\n", error.what());
  }
}

void nested() {
  std::puts("nested");
  try {
    try {
      pass(1);
    } catch (const Broken &outer) {
      try {
        pass(3);
      } catch (const char *inner) {
        std::printf("  %s inside %s\n", inner, outer.what());
      }
      std::throw_with_nested(std::logic_error("around it"));
    }
  } catch (const std::logic_error &error) {
    try {
      std::rethrow_if_nested(error);
    } catch (const Broken &broken) {
      std::printf("  %s: %s\n", error.what(), broken.what());
    }
  }
  std::exception_ptr kept;
  try {
    throw_number(1);
  } catch (...) {
    kept = std::current_exception();
  }
  try {
    std::rethrow_exception(kept);
  } catch (const Broken &broken) {
    std::printf("  kept: %d\n", broken.code);
  }
}

int refuse(const void *one, const void *other) {
  Guard guard("in the comparison");
  int a = *static_cast<const int *>(one), b = *static_cast<const int *>(other);
  if (a + b == 7) throw std::invalid_argument("7 is not wanted");
  return a - b;
}

void callbacks() {
  std::puts("callbacks");
  int numbers[] = {3, 4};
  try {
    std::qsort(numbers, 2, sizeof *numbers, refuse);
  } catch (const std::invalid_argument &error) {
    std::printf("  out of qsort: %s\n", error.what());
  }
  try {
    (void)std::vector<int>().at(3);
  } catch (const std::out_of_range &) {
    std::puts("  out of libc++.so: std::out_of_range");
  }
  try {
    ::operator delete(::operator new(~std::size_t{0}));
  } catch (const std::bad_alloc &error) {
    std::printf("  out of libc++abi.so: %s\n", error.what());
  }
}

void *symbol(void *plugin, const char *name) {
  void *found = dlsym(plugin, name);
  if (!found) std::abort();
  return found;
}

void *plugin() {
  void *opened = dlopen("plugin.so", RTLD_NOW);
  if (!opened) {
    std::printf("  %s\n", dlerror());
    std::exit(1);
  }
  return opened;
}

void plugins() {
  std::puts("plugins");
  void *opened = plugin();
  auto plugin_throw = reinterpret_cast<Throw>(symbol(opened, "plugin_throw"));
  auto plugin_call = reinterpret_cast<Call>(symbol(opened, "plugin_call"));
  try {
    plugin_throw(0);
  } catch (const Broken &broken) {
    std::printf("  Broken: %s, %d\n", broken.what(), broken.code);
  }
  try {
    plugin_throw(4);
  } catch (const shop::Closed &closed) {
    std::printf("  Closed until %d\n", closed.until);
  }
  int number = plugin_call([](int argument) { throw argument + 1; }, 6);
  std::printf("  the plugin caught %d\n", number);
  try {
    plugin_call([](int) { pass(1); }, 0);
  } catch (const Broken &broken) {
    std::printf("  through the plugin: %s\n", broken.what());
  }
}

void many() {
  long sum = 0;
  for (int i = 0; i < 20000; i++) {
    try {
      count_down(i % 20);
    } catch (int number) {
      sum += number + 1;
    }
  }
  std::printf("many: %ld\n", sum);
}

void never() noexcept { throw_number(2); }

}  // namespace

int main(int argc, char **argv) {
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  if (argc > 1) {
    if (!std::strcmp(argv[1], "plugin")) {
      reinterpret_cast<Throw>(symbol(plugin(), "plugin_throw"))(0);
    } else if (!std::strcmp(argv[1], "noexcept")) {
      never();
    }
    pass(std::atoi(argv[1]));
  }
  by_class();
  rethrown();
  nested();
  callbacks();
  plugins();
  many();
}
