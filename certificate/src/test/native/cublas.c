#include "device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0 };
enum { LOWER = 0, UPPER = 1 };
enum { NO_TRANSPOSE = 0, TRANSPOSE = 1 };
enum { LEFT = 0, RIGHT = 1 };
enum { NON_UNIT = 0, UNIT = 1 };
enum { PEDANTIC = 2 };
enum { HANDLE = 0xb1a5 };

typedef struct {
  int kind;
  int math;
  void *stream;
} context;

static int alive;

static context *ready(const char *function, context *handle) {
  if (!handle || handle->kind != HANDLE) {
    wrong(function, "this is no handle");
  }
  if (handle->math != PEDANTIC) {
    wrong(function, "the math mode is %d, not pedantic", handle->math);
  }
  stream_of_device(function, handle->stream);
  return handle;
}

static double scalar(const char *function, const double *value) {
  host_memory(function, value);
  return *value;
}

int cublasCreate_v2(context **handle) {
  *handle = calloc(1, sizeof **handle);
  (*handle)->kind = HANDLE;
  alive++;
  return SUCCESS;
}
int cublasDestroy_v2(context *handle) {
  REQUIRE(handle && handle->kind == HANDLE && alive > 0);
  handle->kind = 0;
  free(handle);
  alive--;
  return SUCCESS;
}
int cublasSetStream_v2(context *handle, void *stream) {
  REQUIRE(handle && handle->kind == HANDLE);
  stream_of_device(__func__, stream);
  handle->stream = stream;
  return SUCCESS;
}
int cublasSetMathMode(context *handle, int mode) {
  REQUIRE(handle && handle->kind == HANDLE);
  handle->math = mode;
  return SUCCESS;
}
const char *cublasGetStatusString(int status) {
  return status == SUCCESS ? "CUBLAS_STATUS_SUCCESS" : "CUBLAS_STATUS_INVALID_VALUE";
}

/* The entry of op(A). */
static double entry(const double *a, int64_t ld, int op, int64_t i, int64_t j) {
  return op == TRANSPOSE ? a[j + i * ld] : a[i + j * ld];
}

/* A product as an emulation by integers with 55 bits and a common scale for a row has it. */
static double emulated(
    const double *a, int64_t lda, int opa, const double *b, int64_t ldb, int opb, int64_t i,
    int64_t j, int64_t k) {
  double largest = 0;
  for (int64_t l = 0; l < k; l++) {
    largest = fmax(largest, fabs(entry(a, lda, opa, i, l)));
  }
  int exponent;
  frexp(largest, &exponent);
  double sum = 0;
  for (int64_t l = 0; l < k; l++) {
    double x = ldexp(nearbyint(ldexp(entry(a, lda, opa, i, l), 55 - exponent)), exponent - 55);
    sum += x * entry(b, ldb, opb, l, j);
  }
  return sum;
}

int cublasDgemm_v2_64(
    context *handle, int opa, int opb, int64_t m, int64_t n, int64_t k, const double *alpha,
    const double *a, int64_t lda, const double *b, int64_t ldb, const double *beta, double *c,
    int64_t ldc) {
  ready(__func__, handle);
  REQUIRE(opa <= TRANSPOSE && opb <= TRANSPOSE);
  double s = scalar(__func__, alpha);
  double t = scalar(__func__, beta);
  a = opa ? matrix(__func__, a, k, m, lda) : matrix(__func__, a, m, k, lda);
  b = opb ? matrix(__func__, b, n, k, ldb) : matrix(__func__, b, k, n, ldb);
  c = matrix(__func__, c, m, n, ldc);
  int emulating = getenv("FULLRANK_TEST_EMULATED_F64") != NULL;
  double *sums = malloc(m * sizeof *sums);
  for (int64_t j = 0; j < n; j++) {
    memset(sums, 0, m * sizeof *sums);
    for (int64_t l = 0; l < k && !emulating && !opa; l++) {
      double y = entry(b, ldb, opb, l, j);
      for (int64_t i = 0; i < m; i++) {
        sums[i] += a[i + l * lda] * y;
      }
    }
    for (int64_t i = 0; i < m; i++) {
      if (emulating) {
        sums[i] = emulated(a, lda, opa, b, ldb, opb, i, j, k);
      } else if (opa) {
        for (int64_t l = 0; l < k; l++) {
          sums[i] += a[l + i * lda] * entry(b, ldb, opb, l, j);
        }
      }
      double *into = &c[i + j * ldc];
      *into = t == 0 ? s * sums[i] : s * sums[i] + t * *into;
    }
  }
  free(sums);
  return SUCCESS;
}

int cublasDsyrk_v2_64(
    context *handle, int uplo, int op, int64_t n, int64_t k, const double *alpha, const double *a,
    int64_t lda, const double *beta, double *c, int64_t ldc) {
  ready(__func__, handle);
  REQUIRE(uplo <= UPPER && op <= TRANSPOSE);
  double s = scalar(__func__, alpha);
  double t = scalar(__func__, beta);
  a = op ? matrix(__func__, a, k, n, lda) : matrix(__func__, a, n, k, lda);
  c = matrix(__func__, c, n, n, ldc);
  for (int64_t j = 0; j < n; j++) {
    for (int64_t i = uplo == LOWER ? j : 0; i < (uplo == LOWER ? n : j + 1); i++) {
      double sum = 0;
      for (int64_t l = 0; l < k; l++) {
        sum += op ? a[l + i * lda] * a[l + j * lda] : a[i + l * lda] * a[j + l * lda];
      }
      double *into = &c[i + j * ldc];
      *into = t == 0 ? s * sum : s * sum + t * *into;
    }
  }
  return SUCCESS;
}

static int overlap(const double *a, int64_t a_length, const double *c, int64_t c_length) {
  return a < c + c_length && c < a + a_length;
}

int cublasDgeam_64(
    context *handle, int opa, int opb, int64_t m, int64_t n, const double *alpha, const double *a,
    int64_t lda, const double *beta, const double *b, int64_t ldb, double *c, int64_t ldc) {
  ready(__func__, handle);
  double s = scalar(__func__, alpha);
  double t = scalar(__func__, beta);
  a = opa ? matrix(__func__, a, n, m, lda) : matrix(__func__, a, m, n, lda);
  b = opb ? matrix(__func__, b, n, m, ldb) : matrix(__func__, b, m, n, ldb);
  c = matrix(__func__, c, m, n, ldc);
  /* In place only without a transposition and with the same layout; elsewhere means elsewhere. */
  REQUIRE(a != c || (lda == ldc && !opa));
  REQUIRE(b != c || (ldb == ldc && !opb));
  REQUIRE(a == c || lda == ldc || !overlap(a, 1, c, (n - 1) * ldc + m));
  for (int64_t j = 0; j < n; j++) {
    for (int64_t i = 0; i < m; i++) {
      double sum = s * entry(a, lda, opa, i, j);
      c[i + j * ldc] = t == 0 ? sum : sum + t * entry(b, ldb, opb, i, j);
    }
  }
  return SUCCESS;
}

int cublasDdgmm_64(
    context *handle, int side, int64_t m, int64_t n, const double *a, int64_t lda, const double *x,
    int64_t stride, double *c, int64_t ldc) {
  ready(__func__, handle);
  REQUIRE(side <= RIGHT);
  a = matrix(__func__, a, m, n, lda);
  c = matrix(__func__, c, m, n, ldc);
  x = vector(__func__, x, side == LEFT ? m : n, stride);
  REQUIRE(!overlap(a, (n - 1) * lda + m, c, (n - 1) * ldc + m));
  for (int64_t j = 0; j < n; j++) {
    for (int64_t i = 0; i < m; i++) {
      c[i + j * ldc] = a[i + j * lda] * x[(side == LEFT ? i : j) * stride];
    }
  }
  return SUCCESS;
}

int cublasDaxpy_v2_64(
    context *handle, int64_t n, const double *alpha, const double *x, int64_t x_stride, double *y,
    int64_t y_stride) {
  ready(__func__, handle);
  double s = scalar(__func__, alpha);
  x = vector(__func__, x, n, x_stride);
  y = vector(__func__, y, n, y_stride);
  for (int64_t i = 0; i < n; i++) {
    y[i * y_stride] = fma(s, x[i * x_stride], y[i * y_stride]);
  }
  return SUCCESS;
}

int cublasDcopy_v2_64(
    context *handle, int64_t n, const double *x, int64_t x_stride, double *y, int64_t y_stride) {
  ready(__func__, handle);
  x = vector(__func__, x, n, x_stride);
  y = vector(__func__, y, n, y_stride);
  for (int64_t i = 0; i < n; i++) {
    y[i * y_stride] = x[i * x_stride];
  }
  return SUCCESS;
}

int cublasDswap_v2_64(
    context *handle, int64_t n, double *x, int64_t x_stride, double *y, int64_t y_stride) {
  ready(__func__, handle);
  x = vector(__func__, x, n, x_stride);
  y = vector(__func__, y, n, y_stride);
  for (int64_t i = 0; i < n; i++) {
    double value = x[i * x_stride];
    x[i * x_stride] = y[i * y_stride];
    y[i * y_stride] = value;
  }
  return SUCCESS;
}

int cublasDdot_v2_64(
    context *handle, int64_t n, const double *x, int64_t x_stride, const double *y,
    int64_t y_stride, double *result) {
  ready(__func__, handle);
  host_memory(__func__, result);
  x = vector(__func__, x, n, x_stride);
  y = vector(__func__, y, n, y_stride);
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    sum += x[i * x_stride] * y[i * y_stride];
  }
  *result = sum;
  return SUCCESS;
}

int cublasDsymv_v2_64(
    context *handle, int uplo, int64_t n, const double *alpha, const double *a, int64_t lda,
    const double *x, int64_t x_stride, const double *beta, double *y, int64_t y_stride) {
  ready(__func__, handle);
  REQUIRE(uplo <= UPPER);
  double s = scalar(__func__, alpha);
  double t = scalar(__func__, beta);
  a = matrix(__func__, a, n, n, lda);
  x = vector(__func__, x, n, x_stride);
  y = vector(__func__, y, n, y_stride);
  for (int64_t i = 0; i < n; i++) {
    double sum = 0;
    for (int64_t j = 0; j < n; j++) {
      int stored = uplo == LOWER ? j <= i : j >= i;
      sum += (stored ? a[i + j * lda] : a[j + i * lda]) * x[j * x_stride];
    }
    y[i * y_stride] = t == 0 ? s * sum : s * sum + t * y[i * y_stride];
  }
  return SUCCESS;
}

int cublasDtrmv_v2_64(
    context *handle, int uplo, int op, int diagonal, int64_t n, const double *a, int64_t lda,
    double *x, int64_t stride) {
  ready(__func__, handle);
  REQUIRE(uplo == LOWER && op == NO_TRANSPOSE && diagonal == UNIT);
  a = matrix(__func__, a, n, n, lda);
  x = vector(__func__, x, n, stride);
  for (int64_t i = n - 1; i >= 0; i--) {
    for (int64_t j = 0; j < i; j++) {
      x[i * stride] += a[i + j * lda] * x[j * stride];
    }
  }
  return SUCCESS;
}

int cublasDtrsm_v2_64(
    context *handle, int side, int uplo, int op, int diagonal, int64_t m, int64_t n,
    const double *alpha, const double *a, int64_t lda, double *b, int64_t ldb) {
  ready(__func__, handle);
  REQUIRE(side == RIGHT && uplo == UPPER && op <= TRANSPOSE && diagonal == NON_UNIT);
  REQUIRE(scalar(__func__, alpha) == 1);
  a = matrix(__func__, a, n, n, lda);
  b = matrix(__func__, b, m, n, ldb);
  for (int64_t step = 0; step < n; step++) {
    int64_t j = op ? n - 1 - step : step;
    for (int64_t i = 0; i < m; i++) {
      double sum = b[i + j * ldb];
      if (op) {
        for (int64_t l = j + 1; l < n; l++) {
          sum -= b[i + l * ldb] * a[j + l * lda];
        }
      } else {
        for (int64_t l = 0; l < j; l++) {
          sum -= b[i + l * ldb] * a[l + j * lda];
        }
      }
      b[i + j * ldb] = sum / a[j + j * lda];
    }
  }
  return SUCCESS;
}

int cublasDtrttp(context *handle, int uplo, int n, const double *a, int lda, double *packed) {
  ready(__func__, handle);
  REQUIRE(uplo == UPPER);
  a = matrix(__func__, a, n, n, lda);
  packed = vector(__func__, packed, (int64_t)n * (n + 1) / 2, 1);
  for (int64_t j = 0; j < n; j++) {
    for (int64_t i = 0; i <= j; i++) {
      *packed++ = a[i + j * lda];
    }
  }
  return SUCCESS;
}

int cublasDtpttr(context *handle, int uplo, int n, const double *packed, double *a, int lda) {
  ready(__func__, handle);
  REQUIRE(uplo == UPPER);
  a = matrix(__func__, a, n, n, lda);
  packed = vector(__func__, packed, (int64_t)n * (n + 1) / 2, 1);
  for (int64_t j = 0; j < n; j++) {
    for (int64_t i = 0; i <= j; i++) {
      a[i + j * lda] = *packed++;
    }
  }
  return SUCCESS;
}
