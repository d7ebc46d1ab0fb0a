/** How the wire is secured, and what each caller may do. See {@code docs/security.md}. */
package io.fullrank.service.security;
