/** Data sets by name: what is known of them, the folder they lie in, and how they are loaded. */
package io.fullrank.network.data;
