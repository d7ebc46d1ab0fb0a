/* A library that only has to be there. */
const int empty = 0;
