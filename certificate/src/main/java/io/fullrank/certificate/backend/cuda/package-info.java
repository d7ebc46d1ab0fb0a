/** The backend for NVIDIA devices: cuBLAS and cuSOLVER, called directly. */
package io.fullrank.certificate.backend.cuda;
