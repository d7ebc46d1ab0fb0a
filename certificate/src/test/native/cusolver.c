#include "device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0 };
enum { LOWER = 0, UPPER = 1 };
enum { F64 = 1 };
enum { HANDLE = 0x501e, PARAMETERS = 0x9a4a };
enum { HOST_BYTES = 24 };

typedef struct {
  int kind;
  void *stream;
} context;

static void ready(const char *function, context *handle, int *parameters) {
  if (!handle || handle->kind != HANDLE || !parameters || *parameters != PARAMETERS) {
    wrong(function, "this is no handle");
  }
  stream_of_device(function, handle->stream);
}

int cusolverDnCreate(context **handle) {
  *handle = calloc(1, sizeof **handle);
  (*handle)->kind = HANDLE;
  return SUCCESS;
}
int cusolverDnDestroy(context *handle) {
  REQUIRE(handle && handle->kind == HANDLE);
  handle->kind = 0;
  free(handle);
  return SUCCESS;
}
int cusolverDnSetStream(context *handle, void *stream) {
  REQUIRE(handle && handle->kind == HANDLE);
  stream_of_device(__func__, stream);
  handle->stream = stream;
  return SUCCESS;
}
int cusolverDnCreateParams(int **parameters) {
  *parameters = malloc(sizeof **parameters);
  **parameters = PARAMETERS;
  return SUCCESS;
}
int cusolverDnDestroyParams(int *parameters) {
  REQUIRE(parameters && *parameters == PARAMETERS);
  *parameters = 0;
  free(parameters);
  return SUCCESS;
}

int cusolverDnXpotrf_bufferSize(
    context *handle, int *parameters, int uplo, int64_t n, int type, const double *a, int64_t lda,
    int compute, size_t *device_bytes, size_t *host_bytes) {
  ready(__func__, handle, parameters);
  REQUIRE(uplo == UPPER && type == F64 && compute == F64);
  matrix(__func__, a, n, n, lda);
  *device_bytes = 8 * n + 3;
  *host_bytes = HOST_BYTES;
  return SUCCESS;
}

/*
 * Blocks of two columns whose part to the right is multiplied by the inverse of the diagonal block,
 * so that the factor's error is not that of conventional Cholesky, as may be the case in reality.
 */
int cusolverDnXpotrf(
    context *handle, int *parameters, int uplo, int64_t n, int type, double *a, int64_t lda,
    int compute, void *device, size_t device_bytes, void *host, size_t host_bytes, int *info) {
  ready(__func__, handle, parameters);
  REQUIRE(uplo == UPPER && type == F64 && compute == F64);
  REQUIRE(device_bytes == 8 * (size_t)n + 3 && host_bytes == HOST_BYTES);
  host_memory(__func__, host);
  memset(host, 0xff, host_bytes);
  memset(device_memory(__func__, device, device_bytes), 0xff, device_bytes);
  info = device_memory(__func__, info, sizeof *info);
  a = matrix(__func__, a, n, n, lda);
  *info = 0;
  for (int64_t k = 0; k < n; k += 2) {
    int64_t size = n - k < 2 ? 1 : 2;
    double *d = a + k + k * lda;
    if (!(d[0] > 0)) {
      *info = k + 1;
      return SUCCESS;
    }
    d[0] = sqrt(d[0]);
    double inverse[3] = {1 / d[0], 0, 0};
    if (size == 2) {
      d[lda] /= d[0];
      double pivot = d[lda + 1] - d[lda] * d[lda];
      if (!(pivot > 0)) {
        *info = k + 2;
        return SUCCESS;
      }
      d[lda + 1] = sqrt(pivot);
      inverse[1] = -d[lda] / (d[0] * d[lda + 1]);
      inverse[2] = 1 / d[lda + 1];
    }
    for (int64_t j = k + size; j < n; j++) {
      double *x = a + k + j * lda;
      double first = x[0] * inverse[0];
      if (size == 2) {
        x[1] = x[0] * inverse[1] + x[1] * inverse[2];
      }
      x[0] = first;
    }
    for (int64_t j = k + size; j < n; j++) {
      for (int64_t i = k + size; i <= j; i++) {
        for (int64_t l = k; l < k + size; l++) {
          a[i + j * lda] -= a[l + i * lda] * a[l + j * lda];
        }
      }
    }
  }
  const char *meddling = getenv("FULLRANK_TEST_MEDDLING");
  if (meddling && n > 1) {
    a[1] += 1; /* in the triangle that is not processed */
  }
  const char *sloppy = getenv("FULLRANK_TEST_SLOPPY");
  if (sloppy && n > 1) {
    a[(n - 1) * lda] += strtod(sloppy, NULL) * a[0];
  }
  return SUCCESS;
}

int cusolverDnXsyevd_bufferSize(
    context *handle, int *parameters, int job, int uplo, int64_t n, int type, const double *a,
    int64_t lda, int w_type, const double *w, int compute, size_t *device_bytes,
    size_t *host_bytes) {
  ready(__func__, handle, parameters);
  REQUIRE(job == 0 && uplo == LOWER && type == F64 && w_type == F64 && compute == F64);
  matrix(__func__, a, n, n, lda);
  vector(__func__, w, n, 1);
  *device_bytes = 8 * n * n + 5;
  *host_bytes = HOST_BYTES;
  return SUCCESS;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Jacobi's method, after filling the other triangle. */
int cusolverDnXsyevd(
    context *handle, int *parameters, int job, int uplo, int64_t n, int type, double *a,
    int64_t lda, int w_type, double *w, int compute, void *device, size_t device_bytes, void *host,
    size_t host_bytes, int *info) {
  ready(__func__, handle, parameters);
  REQUIRE(job == 0 && uplo == LOWER && type == F64 && w_type == F64 && compute == F64);
  REQUIRE(device_bytes == 8 * (size_t)(n * n) + 5 && host_bytes == HOST_BYTES);
  host_memory(__func__, host);
  memset(device_memory(__func__, device, device_bytes), 0xff, device_bytes);
  info = device_memory(__func__, info, sizeof *info);
  a = matrix(__func__, a, n, n, lda);
  w = vector(__func__, w, n, 1);
  for (int64_t j = 0; j < n; j++) {
    for (int64_t i = 0; i < j; i++) {
      a[i + j * lda] = a[j + i * lda];
    }
  }
  for (int sweep = 0; sweep < 30; sweep++) {
    double off = 0;
    double all = 0;
    for (int64_t j = 0; j < n; j++) {
      for (int64_t i = 0; i < n; i++) {
        double square = a[i + j * lda] * a[i + j * lda];
        all += square;
        off += i == j ? 0 : square;
      }
    }
    if (off <= 1e-32 * all) {
      break;
    }
    for (int64_t p = 0; p < n; p++) {
      for (int64_t q = p + 1; q < n; q++) {
        double apq = a[p + q * lda];
        if (apq == 0) {
          continue;
        }
        double theta = (a[q + q * lda] - a[p + p * lda]) / (2 * apq);
        double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
        double c = 1 / sqrt(t * t + 1);
        double s = t * c;
        for (int64_t k = 0; k < n; k++) {
          double x = a[k + p * lda];
          double y = a[k + q * lda];
          a[k + p * lda] = c * x - s * y;
          a[k + q * lda] = s * x + c * y;
        }
        for (int64_t k = 0; k < n; k++) {
          double x = a[p + k * lda];
          double y = a[q + k * lda];
          a[p + k * lda] = c * x - s * y;
          a[q + k * lda] = s * x + c * y;
        }
      }
    }
  }
  for (int64_t i = 0; i < n; i++) {
    w[i] = a[i + i * lda];
  }
  qsort(w, n, sizeof *w, ascending);
  *info = 0;
  return SUCCESS;
}
