/* topic.c: publishes to itself: a message goes to every subscriber, without a copy. */
#include <samepage/samepage.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    spg_topic_options options = SPG_TOPIC_OPTIONS;
    spg_publisher *publisher;
    spg_subscriber *subscriber;
    spg_message message;
    void *picture;
    options.budget = 1 << 20;
    if (spg_publisher_open(&publisher, NULL, "example/pictures", &options) < 0 ||
        spg_subscriber_open(&subscriber, NULL, "example/pictures", NULL) < 0 ||
        spg_publisher_loan(publisher, 100000, &picture, SPG_FOREVER) < 0) {
        fprintf(stderr, "%s\n", spg_error_detail());
        return 1;
    }
    memset(picture, 7, 100000); /* drawn where all will see it */
    if (spg_publisher_publish(publisher, picture, 100000, SPG_FOREVER) < 0) return 1;
    if (spg_subscriber_receive(subscriber, &message, SPG_FOREVER) < 0) return 1;
    printf("message %llu, %zu bytes\n", (unsigned long long)message.sequence, message.size);
    spg_subscriber_release(subscriber, &message);
    return spg_subscriber_close(subscriber) < 0 || spg_publisher_close(publisher) < 0;
}
