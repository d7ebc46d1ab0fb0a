/** Programs that tests start in processes of their own, stop and kill. */
package io.fullrank.testsupport.process;
