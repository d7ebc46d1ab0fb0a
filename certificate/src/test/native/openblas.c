/*
 * Stands in front of OpenBLAS: naive versions of the functions that certificates rest on. The one that
 * FULLRANK_TEST_WRONG names adds an error to one entry of its result, unless its result has
 * FULLRANK_TEST_RIGHT_ROWS rows: those that are tested at start.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MAJOR = 101, TRANS = 112, UPPER = 121, LOWER = 122, LEFT = 141, RIGHT = 142 };

static int wrong(const char *name, int rows) {
  const char *wanted = getenv("FULLRANK_TEST_WRONG");
  const char *right = getenv("FULLRANK_TEST_RIGHT_ROWS");
  return wanted != NULL && strcmp(name, wanted) == 0 && (right == NULL || atoi(right) != rows);
}

#define GEMM(NAME, TEXT, TYPE)                                                                       \
  void NAME(int order, int transA, int transB, int m, int n, int k, TYPE alpha, const TYPE *a,       \
            int lda, const TYPE *b, int ldb, TYPE beta, TYPE *c, int ldc) {                           \
    if (order != ROW_MAJOR) abort();                                                                  \
    for (long i = 0; i < m; i++) {                                                                    \
      for (long j = 0; j < n; j++) {                                                                  \
        TYPE sum = 0;                                                                                 \
        for (long l = 0; l < k; l++) {                                                                \
          sum += (transA == TRANS ? a[l * lda + i] : a[i * lda + l]) *                                \
                 (transB == TRANS ? b[j * ldb + l] : b[l * ldb + j]);                                 \
        }                                                                                             \
        c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);                       \
      }                                                                                               \
    }                                                                                                 \
    if (m > 0 && n > 0 && wrong(TEXT, m)) c[(m - 1L) * ldc] += 1;                                     \
  }

GEMM(cblas_dgemm, "dgemm", double)
GEMM(cblas_sgemm, "sgemm", float)

void cblas_dsyrk(int order, int uplo, int trans, int n, int k, double alpha, const double *a, int lda,
                 double beta, double *c, int ldc) {
  if (order != ROW_MAJOR || trans == TRANS) abort();
  for (long i = 0; i < n; i++) {
    for (long j = uplo == LOWER ? 0 : i; j < (uplo == LOWER ? i + 1 : n); j++) {
      double sum = 0;
      for (long l = 0; l < k; l++) sum += a[i * lda + l] * a[j * lda + l];
      c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);
    }
  }
  if (n > 0 && wrong("dsyrk", n)) c[(n - 1L) * ldc + n - 1] += 0.25 * c[(n - 1L) * ldc + n - 1];
}

/* X·Lᵀ = αB, in place of B, and L·X = αB or Lᵀ·X = αB, for a lower triangle. */
void cblas_dtrsm(int order, int side, int uplo, int trans, int diag, int m, int n, double alpha,
                 const double *a, int lda, double *b, int ldb) {
  if (order != ROW_MAJOR || uplo != LOWER || diag != 131) abort();
  for (long i = 0; i < m; i++) {
    for (long j = 0; j < n; j++) b[i * ldb + j] *= alpha;
  }
  if (side == RIGHT) {
    if (trans != TRANS) abort();
    for (long i = 0; i < m; i++) {
      for (long j = 0; j < n; j++) {
        double sum = b[i * ldb + j];
        for (long l = 0; l < j; l++) sum -= b[i * ldb + l] * a[j * lda + l];
        b[i * ldb + j] = sum / a[j * lda + j];
      }
    }
  } else {
    for (long step = 0; step < m; step++) {
      long i = trans == TRANS ? m - 1 - step : step;
      for (long j = 0; j < n; j++) {
        double sum = b[i * ldb + j];
        if (trans == TRANS) {
          for (long l = i + 1; l < m; l++) sum -= a[l * lda + i] * b[l * ldb + j];
        } else {
          for (long l = 0; l < i; l++) sum -= a[i * lda + l] * b[l * ldb + j];
        }
        b[i * ldb + j] = sum / a[i * lda + i];
      }
    }
  }
  if (m > 0 && n > 0 && wrong("dtrsm", m)) b[(m - 1L) * ldb] += 1e-3;
}

/* The column-major upper triangle, which is the row-major lower one. */
int LAPACKE_dpotrf(int layout, char uplo, int n, double *a, int lda) {
  if (layout != 102 || uplo != 'U') abort();
  for (long i = 0; i < n; i++) {
    for (long j = 0; j <= i; j++) {
      double sum = a[i * lda + j];
      for (long l = 0; l < j; l++) sum -= a[i * lda + l] * a[j * lda + l];
      if (i == j) {
        if (!(sum > 0)) return (int)i + 1;
        a[i * lda + j] = sqrt(sum);
      } else {
        a[i * lda + j] = sum / a[j * lda + j];
      }
    }
  }
  if (n > 0 && wrong("dpotrf", n)) a[(n - 1L) * lda + n - 1] *= 1.25;
  return 0;
}
