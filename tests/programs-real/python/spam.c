//! CPython, whose interpreter is a shared library, and this extension module, which it opens with
//! dlopen. The headers of CPython are not part of the toolchain: the little that is used of its
//! stable interface is declared here.
//!
//! toolchain: base py
//!
//! run: -L $TOOLCHAIN/py314 --dir $TOOLCHAIN/py314/stdlib::/py --env PYTHONHOME=/py --env PYTHONPATH=/py $TOOLCHAIN/py314/python3.14.wasm -c 'import json, re, decimal, dataclasses; print(json.dumps({"a": 1}))'
//! stdout: {"a": 1}
//!
//! run: -L $TOOLCHAIN/py312 --dir $TOOLCHAIN/py312/stdlib::/py --env PYTHONHOME=/py --env PYTHONPATH=/py $TOOLCHAIN/py312/python3.12.wasm -c 'import json, re, decimal, dataclasses; print(json.dumps({"a": 1}))'
//! stdout: {"a": 1}
//!
//! run: -L $TOOLCHAIN/py314 --dir $TOOLCHAIN/py314/stdlib::/py --dir .::/spam --env PYTHONHOME=/py --env PYTHONPATH=/py:/spam $TOOLCHAIN/py314/python3.14.wasm -c 'import spam, sys; print(spam.__file__, spam.add(40, 2), spam.apply(lambda x: x * 2, 21), spam.eggs); spam.apply(None, 1)'
//! stderr-contains: TypeError: spam.apply: not a function
//! stdout: /spam/spam.so 42 42 ham
//! exit: 1
//!
//! run: -L $TOOLCHAIN/py312 --dir $TOOLCHAIN/py312/stdlib::/py --dir .::/spam --env PYTHONHOME=/py --env PYTHONPATH=/py:/spam $TOOLCHAIN/py312/python3.12.wasm -c 'import spam, sys; print(spam.__file__, spam.add(40, 2), spam.apply(lambda x: x * 2, 21), spam.eggs); sys.exit(3)'
//! stdout: /spam/spam.so 42 42 ham
//! exit: 3
#include <stddef.h>

typedef ptrdiff_t Py_ssize_t;
typedef struct PyObject PyObject;

typedef struct {
  const char *name;
  PyObject *(*function)(PyObject *self, PyObject *args);
  int flags;
  const char *doc;
} PyMethodDef;

typedef struct {
  Py_ssize_t reference_count;
  void *type;
  PyObject *(*init)(void);
  Py_ssize_t index;
  PyObject *copy;
  const char *name, *doc;
  Py_ssize_t size;
  PyMethodDef *methods;
  void *slots, *traverse, *clear, *free;
} PyModuleDef;

enum { METH_VARARGS = 1, PYTHON_API_VERSION = 1013 };

int PyArg_ParseTuple(PyObject *args, const char *format, ...);
int PyCallable_Check(PyObject *object);
PyObject *PyObject_CallFunctionObjArgs(PyObject *callable, ...);
PyObject *PyLong_FromLong(long value);
void PyErr_SetString(PyObject *type, const char *message);
int PyModule_AddStringConstant(PyObject *module, const char *name, const char *value);
PyObject *PyModule_Create2(PyModuleDef *definition, int version);
extern PyObject *PyExc_TypeError;

static PyObject *add(PyObject *self, PyObject *args) {
  long a, b;
  if (!PyArg_ParseTuple(args, "ll", &a, &b)) return NULL;
  return PyLong_FromLong(a + b);
}

static PyObject *apply(PyObject *self, PyObject *args) {
  PyObject *function, *value;
  if (!PyArg_ParseTuple(args, "OO", &function, &value)) return NULL;
  if (!PyCallable_Check(function)) {
    PyErr_SetString(PyExc_TypeError, "spam.apply: not a function");
    return NULL;
  }
  return PyObject_CallFunctionObjArgs(function, value, NULL);
}

static PyMethodDef methods[] = {
    {"add", add, METH_VARARGS, "Adds two integers."},
    {"apply", apply, METH_VARARGS, "Calls a function with a value."},
    {0},
};

static PyModuleDef definition = {
    .reference_count = 1, .name = "spam", .doc = "An example.", .size = -1, .methods = methods};

PyObject *PyInit_spam(void) {
  PyObject *module = PyModule_Create2(&definition, PYTHON_API_VERSION);
  if (module != NULL) PyModule_AddStringConstant(module, "eggs", "ham");
  return module;
}
