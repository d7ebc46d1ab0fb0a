/** What clients call: certificates of matrices that they send. */
package io.fullrank.checker.endpoint;
