/* domain.h: what the tests of nodes and of domains share: processes that join, and a count of who
 * is there. */
#ifndef TEST_PROCESS_DOMAIN_H
#define TEST_PROCESS_DOMAIN_H

#include "process/both.h"

enum { IDS = 100, READY = 1, TABLE_BYTES = 4096 + SPG_DOMAIN_NODES_MAX * 64 };

__attribute__((unused)) static void await(int index, int64_t value) {
    while (*counter(index) < value) nap_us(200);
}

__attribute__((unused)) static const char *domain_path(void) {
    return getenv("SAMEPAGE_DOMAIN");
}

__attribute__((unused)) static uint64_t own_id(void) {
    uint64_t id = 0;
    CHECK_OK(spg_node_id(NULL, &id));
    CHECK(id != 0);
    return id;
}

__attribute__((unused)) static int alive(uint64_t id) {
    return spg_node_alive(NULL, id);
}

/* Joins with its default node, tells its number in counter IDS + slot, and stays. */
ROLE(lives) {
    *counter(IDS + atoi(arguments[0])) = (int64_t)own_id();
    ++*counter(READY);
    for (;;) pause();
}

__attribute__((unused)) static pid_t start_living(int slot, uint64_t *id) {
    char text[12];
    int64_t before = *counter(READY);
    snprintf(text, sizeof text, "%d", slot);
    pid_t pid = spawn("lives", text, NULL);
    await(READY, before + 1);
    *id = (uint64_t)*counter(IDS + slot);
    return pid;
}

/* ---- what is in a domain --------------------------------------------------------------------- */

struct census {
    int nodes, living, dead, segments;
    uint64_t wanted;
    spg_domain_entry found; /* the node `wanted`; its texts in name */
    char name[64];
};

__attribute__((unused)) static int count_entry(void *context, const spg_domain_entry *entry) {
    struct census *census = context;
    CHECK_INT(sizeof *entry, entry->struct_size);
    if (entry->kind == SPG_ENTRY_SEGMENT) census->segments++;
    if (entry->kind != SPG_ENTRY_NODE) return 0;
    CHECK_INT(1, entry->living + entry->dead);
    census->nodes++;
    census->living += (int)entry->living;
    census->dead += (int)entry->dead;
    if (entry->id == census->wanted) {
        census->found = *entry;
        snprintf(census->name, sizeof census->name, "%s", entry->name);
    }
    return 0;
}

__attribute__((unused)) static struct census take_census(const char *domain, uint64_t wanted) {
    struct census census = {.wanted = wanted};
    CHECK_OK(spg_domain_list(domain, count_entry, &census));
    return census;
}

struct findings {
    int left, damage;
};

__attribute__((unused)) static void count_finding(void *context, int weight, const char *name,
                                                  const char *text) {
    struct findings *findings = context;
    CHECK(name && *name && text && *text);
    if (weight == SPG_FINDING_LEFT) findings->left++;
    else if (weight == SPG_FINDING_DAMAGE) findings->damage++;
    else FAIL("weight %d", weight);
}

__attribute__((unused)) static void check_nothing_but_the_table(const char *domain) {
    DIR *directory = opendir(domain);
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "nodes") == 0) continue;
        FAIL("%s lies in the domain", entry->d_name);
    }
    closedir(directory);
}

#endif
