//! C++ exceptions and `dlclose`: of libraries that an exception came through, that threw it, and that know its type.
//!
//! toolchain: base cxx
//! exceptions: exnref legacy
//! ldflags: -ldl
//!
//! run: -L $TOOLCHAIN/lib-exnref exnref/main.wasm
//! stdout: after the handler
//! stdout: +throws
//! stdout:   failed, says libfailure
//! stdout: -throws
//! stdout:   libfailure.so is not loaded
//! stdout: +throws
//! stdout:   failed, says libfailure
//! stdout: -throws
//! stdout:   libfailure.so is not loaded
//! stdout: in the handler
//! stdout: +throws
//! stdout: +passes
//! stdout:   gone: in pass
//! stdout: -passes
//! stdout: -throws
//! stdout:   failed, says the library of C++
//! stdout:   throws.so is not loaded
//! stdout: +throws
//! stdout: +passes
//! stdout:   gone: in pass
//! stdout: -passes
//! stdout: -throws
//! stdout:   42
//! stdout:   throws.so is not loaded
//! stdout: thrown again
//! stdout: +throws
//! stdout: -throws
//! stdout:   throws.so is not loaded
//! stdout:   failed, says the library of C++
//! stdout: by type
//! stdout: +throws
//! stdout:   caught 7
//! stdout: -throws
//! stdout: +throws
//! stdout:   caught 7
//! stdout: -throws
//! stdout: while it flies
//! stdout: +throws
//! stdout: -throws
//! stdout:   throws.so is not loaded
//! stdout:   failed, says the library of C++
//!
//! run: -L $TOOLCHAIN/lib-legacy legacy/main.wasm
//! stdout: after the handler
//! stdout: +throws
//! stdout:   failed, says libfailure
//! stdout: -throws
//! stdout:   libfailure.so is not loaded
//! stdout: +throws
//! stdout:   failed, says libfailure
//! stdout: -throws
//! stdout:   libfailure.so is not loaded
//! stdout: in the handler
//! stdout: +throws
//! stdout: +passes
//! stdout:   gone: in pass
//! stdout: -passes
//! stdout: -throws
//! stdout:   failed, says the library of C++
//! stdout:   throws.so is not loaded
//! stdout: +throws
//! stdout: +passes
//! stdout:   gone: in pass
//! stdout: -passes
//! stdout: -throws
//! stdout:   42
//! stdout:   throws.so is not loaded
//! stdout: thrown again
//! stdout: +throws
//! stdout: -throws
//! stdout:   throws.so is not loaded
//! stdout:   failed, says the library of C++
//! stdout: by type
//! stdout: +throws
//! stdout:   caught 7
//! stdout: -throws
//! stdout: +throws
//! stdout:   caught 7
//! stdout: -throws
//! stdout: while it flies
//! stdout: +throws
//! stdout: -throws
//! stdout:   throws.so is not loaded
//! stdout:   failed, says the library of C++
//!
//! run: -L $TOOLCHAIN/lib-exnref exnref/main.wasm type
//! stdout: +throws
//! stdout: -throws
//! stdout:   libfailure.so is not loaded
//! stderr: dynvm: wasm trap: uninitialized element: call of `libfailure.so!Failure::what() const`, which was unloaded
//! stderr:   #0 main.wasm!main+0x192
//! stderr:   #1 libc.so!__main_void+0x6f
//! stderr:   #2 main.wasm!_start+0x37
//! exit: 134
//!
//! run: -L $TOOLCHAIN/lib-legacy legacy/main.wasm type
//! stdout: +throws
//! stdout: -throws
//! stdout:   libfailure.so is not loaded
//! stderr: dynvm: wasm trap: uninitialized element: call of `libfailure.so!Failure::what() const`, which was unloaded
//! stderr:   #0 main.wasm!main+0x168
//! stderr:   #1 libc.so!__main_void+0x6f
//! stderr:   #2 main.wasm!_start+0x37
//! exit: 134
#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>

using Fail = void(int);
using Pass = void(Fail *, int);

static void *opened(const char *name) {
  void *handle = dlopen(name, RTLD_NOW);
  if (handle == nullptr) printf("  cannot open %s\n", name);
  return handle;
}

template <typename F> static F *find(void *handle, const char *name) {
  return reinterpret_cast<F *>(dlsym(handle, name));
}

static void loaded(const char *name) {
  void *handle = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
  printf("  %s is %s\n", name, handle != nullptr ? "loaded" : "not loaded");
  if (handle != nullptr) dlclose(handle);
}

// What is thrown is handled as one of its bases, whose library stays; then all that knows its type goes.
static void closed_after_the_handler() {
  void *throws = opened("throws.so");
  try {
    find<Fail>(throws, "fail")(0);
  } catch (const std::exception &error) {
    printf("  %s\n", error.what());
  }
  dlclose(throws);
  loaded("libfailure.so");
}

// The libraries that it came through are gone, and what threw it, before the handler looks at it.
static void closed_in_the_handler(int number) {
  void *throws = opened("throws.so"), *passes = opened("passes.so");
  try {
    find<Pass>(passes, "pass")(find<Fail>(throws, "fail"), number);
  } catch (const std::runtime_error &error) {
    dlclose(passes);
    dlclose(throws);
    printf("  %s\n", error.what());
  } catch (int thrown) {
    dlclose(passes);
    dlclose(throws);
    printf("  %d\n", thrown);
  }
  loaded("throws.so");
}

// Kept and thrown again once its library is gone.
static void thrown_again() {
  std::exception_ptr kept;
  void *throws = opened("throws.so");
  try {
    find<Fail>(throws, "fail")(1);
  } catch (...) {
    kept = std::current_exception();
  }
  dlclose(throws);
  loaded("throws.so");
  try {
    std::rethrow_exception(kept);
  } catch (const std::exception &error) {
    printf("  %s\n", error.what());
  }
}

// A library's own type is the same one in each library that needs it, also when both are opened afresh.
static void caught_by_type() {
  for (int time = 0; time < 2; time++) {
    void *throws = opened("throws.so");
    printf("  caught %d\n", find<int(Fail *)>(throws, "catches")(find<Fail>(throws, "fail")));
    dlclose(throws);
  }
}

// Closed by an object of the frame that it leaves, before any handler has it.
static void closed_while_it_flies() {
  struct Closes {
    void *throws;
    ~Closes() {
      dlclose(throws);
      loaded("throws.so");
    }
  };
  try {
    Closes closes{opened("throws.so")};
    find<Fail>(closes.throws, "fail")(1);
  } catch (const std::runtime_error &error) {
    printf("  %s\n", error.what());
  }
}

// Its type is gone: in ELF nobody knows what happens then.
static void asked_when_its_type_is_gone() {
  void *throws = opened("throws.so");
  try {
    find<Fail>(throws, "fail")(0);
  } catch (const std::exception &error) {
    dlclose(throws);
    loaded("libfailure.so");
    printf("  %s\n", error.what());
  }
}

int main(int argc, char **argv) {
  setvbuf(stdout, nullptr, _IONBF, 0);
  if (argc > 1 && strcmp(argv[1], "type") == 0) {
    asked_when_its_type_is_gone();
    return 0;
  }
  puts("after the handler");
  closed_after_the_handler();
  closed_after_the_handler();
  puts("in the handler");
  closed_in_the_handler(1);
  closed_in_the_handler(42);
  puts("thrown again");
  thrown_again();
  puts("by type");
  caught_by_type();
  puts("while it flies");
  closed_while_it_flies();
}
