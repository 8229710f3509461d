/* deaths.c: test/crash/crash.c over some of its scenes: those whose names, with '_' for each blank,
 * begin with one of the words in MUTANTS_SCENES. */
#include "crash/crash.c"

static bool is_asked_for(const char *name) {
    char plain[128], words[2048];
    snprintf(plain, sizeof plain, "%s", name);
    for (char *c = plain; *c; c++) {
        if (*c == ' ' || *c == ',') *c = '_';
    }
    const char *asked = getenv("MUTANTS_SCENES");
    snprintf(words, sizeof words, "%s", asked ? asked : "");
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        if (strncmp(plain, word, strlen(word)) == 0) return true;
    }
    return false;
}

TEST(after_death_at_any_step_of_these_operations_the_others_go_on) {
    int asked = 0;
    scenes_begin();
    for (int i = 0; i < scene_count; i++) {
        scene = &scenes[i];
        if (!is_asked_for(scene->name)) continue;
        asked++;
        CHECK(enumerate(die_at_step) > 0);
    }
    CHECK(asked > 0);
    clear_world();
}
