/*
 * A device that is no device: the entry points of the CUDA runtime, cuBLAS and cuSOLVER that the
 * CUDA backend calls, in plain loops on the CPU, for tests where there is no GPU. They check what the
 * real ones would let pass or crash on (addresses, extents, leading dimensions, handles), and abort
 * with a message.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stddef.h>
#include <stdint.h>

/* Aborts, saying what is wrong. */
void wrong(const char *function, const char *format, ...);

/*
 * Returns where memory of the device can be read and written, after checking that it is there:
 * addresses of the device cannot be read or written by anybody else.
 */
void *device_memory(const char *function, const void *address, size_t bytes);

/* Checks that an address is not the device's. */
void host_memory(const char *function, const void *address);

/* Checks that a stream is one that has been created. */
void stream_of_device(const char *function, void *stream);

/* A column-major matrix on the device. */
double *matrix(const char *function, const double *a, int64_t rows, int64_t columns, int64_t ld);

/* Every stride-th entry from an address on. */
double *vector(const char *function, const double *x, int64_t n, int64_t stride);

#define REQUIRE(condition) \
  do { \
    if (!(condition)) wrong(__func__, "%s does not hold", #condition); \
  } while (0)

#endif
