/** How the wire is secured and which caller may do what. See {@code docs/security.md}. */
package io.fullrank.service.security;
