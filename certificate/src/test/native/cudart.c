#define _GNU_SOURCE
#include "device.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SUCCESS = 0, INVALID = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100 };
enum { HOST_TO_DEVICE = 1, DEVICE_TO_HOST = 2, DEVICE_TO_DEVICE = 3 };
enum { MAX_BLOCKS = 4096, MAX_OBJECTS = 4096 };
enum { MAJOR = 75, MINOR = 76 };

typedef struct {
  char *address; /* what the caller gets: no access */
  char *real;    /* the same memory, accessible */
  size_t bytes;
  size_t mapped;
} block;

static block blocks[MAX_BLOCKS];
static char *pinned[MAX_BLOCKS];
static void *objects[MAX_OBJECTS];
static size_t used;
static int last_error;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void wrong(const char *function, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "CUDA on the CPU: %s: ", function);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  abort();
}

static size_t capacity(void) {
  const char *bytes = getenv("FULLRANK_TEST_DEVICE_BYTES");
  return bytes ? strtoull(bytes, NULL, 10) : (size_t)2 << 30;
}

static block *find(const void *address) {
  for (int i = 0; i < MAX_BLOCKS; i++) {
    char *start = blocks[i].address;
    if (start && (char *)address >= start && (char *)address < start + blocks[i].mapped) {
      return &blocks[i];
    }
  }
  return NULL;
}

void *device_memory(const char *function, const void *address, size_t bytes) {
  pthread_mutex_lock(&lock);
  block *found = find(address);
  if (!found) {
    wrong(function, "%p is not in the memory of the device", address);
  }
  size_t offset = (char *)address - found->address;
  if (offset + bytes > found->bytes) {
    wrong(function, "%zu bytes at %zu of a block of %zu", bytes, offset, found->bytes);
  }
  if (offset % sizeof(double)) {
    wrong(function, "%p is not aligned", address);
  }
  char *real = found->real + offset;
  pthread_mutex_unlock(&lock);
  return real;
}

void host_memory(const char *function, const void *address) {
  pthread_mutex_lock(&lock);
  if (!address || find(address)) {
    wrong(function, "%p is not in the memory of the host", address);
  }
  pthread_mutex_unlock(&lock);
}

double *matrix(const char *function, const double *a, int64_t rows, int64_t columns, int64_t ld) {
  if (rows < 1 || columns < 1 || ld < rows) {
    wrong(function, "a matrix of %ld x %ld with leading dimension %ld", (long)rows, (long)columns, (long)ld);
  }
  return device_memory(function, a, sizeof(double) * ((columns - 1) * ld + rows));
}

double *vector(const char *function, const double *x, int64_t n, int64_t stride) {
  if (n < 1 || stride < 1) {
    wrong(function, "a vector of %ld with stride %ld", (long)n, (long)stride);
  }
  return device_memory(function, x, sizeof(double) * ((n - 1) * stride + 1));
}

/* Streams and events: work is done at once, in order. */

static int create(void **object) {
  pthread_mutex_lock(&lock);
  for (int i = 0; i < MAX_OBJECTS; i++) {
    if (!objects[i]) {
      *object = objects[i] = malloc(1);
      pthread_mutex_unlock(&lock);
      return SUCCESS;
    }
  }
  wrong(__func__, "more than %d streams and events", MAX_OBJECTS);
  return INVALID;
}

static void **object_of_device(const char *function, void *object) {
  pthread_mutex_lock(&lock);
  for (int i = 0; i < MAX_OBJECTS; i++) {
    if (object && objects[i] == object) {
      pthread_mutex_unlock(&lock);
      return &objects[i];
    }
  }
  wrong(function, "%p is no stream and no event", object);
  return NULL;
}

static int destroy(const char *function, void *object) {
  void **place = object_of_device(function, object);
  free(object);
  *place = NULL;
  return SUCCESS;
}

void stream_of_device(const char *function, void *stream) { object_of_device(function, stream); }

int cudaStreamCreateWithFlags(void **stream, unsigned flags) {
  REQUIRE(flags <= 1);
  return create(stream);
}
int cudaStreamDestroy(void *stream) { return destroy(__func__, stream); }
int cudaStreamSynchronize(void *stream) {
  object_of_device(__func__, stream);
  return SUCCESS;
}
int cudaStreamWaitEvent(void *stream, void *event, unsigned flags) {
  REQUIRE(flags == 0);
  object_of_device(__func__, stream);
  object_of_device(__func__, event);
  return SUCCESS;
}
int cudaEventCreateWithFlags(void **event, unsigned flags) {
  REQUIRE(flags == 2);
  return create(event);
}
int cudaEventDestroy(void *event) { return destroy(__func__, event); }
int cudaEventRecord(void *event, void *stream) {
  object_of_device(__func__, stream);
  object_of_device(__func__, event);
  return SUCCESS;
}
int cudaEventSynchronize(void *event) {
  object_of_device(__func__, event);
  return SUCCESS;
}

/* Memory. */

int cudaMalloc(void **address, size_t bytes) {
  REQUIRE(bytes > 0);
  pthread_mutex_lock(&lock);
  if (used + bytes > capacity()) {
    pthread_mutex_unlock(&lock);
    return last_error = OUT_OF_MEMORY;
  }
  int i = 0;
  while (i < MAX_BLOCKS && blocks[i].address) {
    i++;
  }
  if (i == MAX_BLOCKS) {
    wrong(__func__, "more than %d blocks", MAX_BLOCKS);
  }
  size_t page = sysconf(_SC_PAGESIZE);
  size_t mapped = (bytes + page - 1) / page * page;
  int file = memfd_create("device", 0);
  if (file < 0 || ftruncate(file, mapped)) {
    wrong(__func__, "no memory for %zu bytes", mapped);
  }
  blocks[i].address = mmap(NULL, mapped, PROT_NONE, MAP_SHARED, file, 0);
  blocks[i].real = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (blocks[i].address == MAP_FAILED || blocks[i].real == MAP_FAILED) {
    wrong(__func__, "no memory for %zu bytes", mapped);
  }
  blocks[i].bytes = bytes;
  blocks[i].mapped = mapped;
  used += bytes;
  /* Nothing may rest on what new memory holds: NaN. */
  memset(blocks[i].real, 0xff, bytes);
  *address = blocks[i].address;
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

int cudaFree(void *address) {
  pthread_mutex_lock(&lock);
  block *found = find(address);
  if (!found || found->address != address) {
    wrong(__func__, "%p is no block", address);
  }
  munmap(found->address, found->mapped);
  munmap(found->real, found->mapped);
  used -= found->bytes;
  memset(found, 0, sizeof *found);
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

int cudaMallocHost(void **address, size_t bytes) {
  REQUIRE(bytes > 0);
  pthread_mutex_lock(&lock);
  for (int i = 0; i < MAX_BLOCKS; i++) {
    if (!pinned[i]) {
      *address = pinned[i] = malloc(bytes);
      pthread_mutex_unlock(&lock);
      return *address ? SUCCESS : OUT_OF_MEMORY;
    }
  }
  wrong(__func__, "more than %d blocks", MAX_BLOCKS);
  return INVALID;
}

int cudaFreeHost(void *address) {
  pthread_mutex_lock(&lock);
  for (int i = 0; i < MAX_BLOCKS; i++) {
    if (address && pinned[i] == address) {
      free(address);
      pinned[i] = NULL;
      pthread_mutex_unlock(&lock);
      return SUCCESS;
    }
  }
  wrong(__func__, "%p is no block", address);
  return INVALID;
}

int cudaMemGetInfo(size_t *available, size_t *total) {
  pthread_mutex_lock(&lock);
  *total = capacity();
  *available = *total - used;
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

int cudaMemcpy2DAsync(
    void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
    int kind, void *stream) {
  object_of_device(__func__, stream);
  REQUIRE(width > 0 && height > 0 && to_pitch >= width && from_pitch >= width);
  REQUIRE(kind >= HOST_TO_DEVICE && kind <= DEVICE_TO_DEVICE);
  if (kind == DEVICE_TO_HOST) {
    host_memory(__func__, to);
  } else {
    to = device_memory(__func__, to, (height - 1) * to_pitch + width);
  }
  if (kind == HOST_TO_DEVICE) {
    host_memory(__func__, from);
  } else {
    from = device_memory(__func__, from, (height - 1) * from_pitch + width);
  }
  for (size_t i = 0; i < height; i++) {
    memcpy((char *)to + i * to_pitch, (const char *)from + i * from_pitch, width);
  }
  return SUCCESS;
}

int cudaMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}

int cudaMemset2DAsync(
    void *to, size_t pitch, int value, size_t width, size_t height, void *stream) {
  object_of_device(__func__, stream);
  REQUIRE(width > 0 && height > 0 && pitch >= width);
  char *real = device_memory(__func__, to, (height - 1) * pitch + width);
  for (size_t i = 0; i < height; i++) {
    memset(real + i * pitch, value, width);
  }
  return SUCCESS;
}

/* The device. */

int cudaGetDeviceCount(int *count) {
  *count = getenv("FULLRANK_TEST_NO_DEVICE") ? 0 : 1;
  return *count ? SUCCESS : (last_error = NO_DEVICE);
}

int cudaDeviceGetAttribute(int *value, int attribute, int device) {
  REQUIRE(device == 0 && (attribute == MAJOR || attribute == MINOR));
  *value = attribute == MAJOR ? 9 : 0;
  return SUCCESS;
}

static int properties(char *name, int device) {
  REQUIRE(device == 0);
  strcpy(name, "the CPU in place of a device"); /* the first member */
  return SUCCESS;
}
int cudaGetDeviceProperties(void *name, int device) { return properties(name, device); }
int cudaGetDeviceProperties_v2(void *name, int device) { return properties(name, device); }

int cudaGetLastError(void) {
  int error = last_error;
  last_error = SUCCESS;
  return error;
}

const char *cudaGetErrorString(int error) {
  switch (error) {
    case SUCCESS: return "no error";
    case OUT_OF_MEMORY: return "out of memory";
    case NO_DEVICE: return "no CUDA-capable device is detected";
    default: return "invalid argument";
  }
}
