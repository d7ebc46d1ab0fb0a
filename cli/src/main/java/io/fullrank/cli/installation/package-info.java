/** Where Fullrank is installed, and the addresses of what it starts. */
package io.fullrank.cli.installation;
