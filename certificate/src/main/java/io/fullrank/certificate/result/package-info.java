/**
 * What a certification says and how it can fail: certificates, outcomes, cancellation and typed
 * errors. Uses no other package.
 */
package io.fullrank.certificate.result;
