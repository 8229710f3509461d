/* switch.c: the switch of weaker.h, set before anything of the library runs. */
#include <stdlib.h>

__attribute__((visibility("hidden"))) int spg__mutant;

__attribute__((constructor(101))) static void choose(void) {
    const char *number = getenv("MUTANT");
    spg__mutant = number ? atoi(number) : 0;
}
