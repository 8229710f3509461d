package samepage;

import java.nio.file.Path;
import java.time.Duration;

/** What another process of Java does in the tests. Says "ready" and stays until it is killed. */
final class Child {
    private static final Path DOMAIN = Path.of(System.getenv("SAMEPAGE_DOMAIN"));

    private Child() {
    }

    private static void holdCell(String name) throws Exception {
        Cell cell = Cell.options().capacity(4096).open(name);
        cell.loan(Duration.ZERO).put(0, (byte) 'x');
    }

    private static void pin(String name) throws Exception {
        Domain domain = Domain.enter(DOMAIN, true);
        try (ChannelFile file = ChannelFile.open(domain, name, ".cell", Header.CELL, false)) {
            CellLayout layout = CellLayout.of(file);
            new CellPins(domain, layout, file.map(layout.end, false)).take();
        }
    }

    private static void subscribe(String name, int count) throws Exception {
        Subscriber subscriber = Subscriber.options().timeout(Duration.ofSeconds(20)).open(name);
        System.out.println("joined");
        for (int i = 0; i < count; i++) subscriber.receive(Duration.ofSeconds(20));
    }

    /** A publisher's row with a claim that is never committed. */
    private static void claim(String name) throws Exception {
        Domain domain = Domain.enter(DOMAIN, true);
        Topic topic = Topic.open(domain, name, null, 0, false);
        int index = 0;
        while (topic.memory.getVolatile(topic.layout.publisher(index)) != 0) index++;
        long row = topic.layout.publisher(index);
        long sequence = topic.head();
        long slot = topic.layout.slot(sequence);
        topic.memory.setVolatile(row, domain.node() << 4);
        topic.memory.setVolatile(row + TopicLayout.LIMIT, sequence + 1);
        topic.memory.setVolatile(row + TopicLayout.CLAIM, sequence);
        topic.memory.setVolatile(slot,
                TopicLayout.state(sequence, TopicLayout.CLAIMED, index));
    }

    /** The role, the name, and what the role wants. */
    public static void main(String[] words) throws Exception {
        switch (words[0]) {
            case "join" -> System.out.println(Domain.enter(DOMAIN, true).node());
            case "hold-cell" -> holdCell(words[1]);
            case "pin" -> pin(words[1]);
            case "subscribe" -> subscribe(words[1], Integer.parseInt(words[2]));
            case "claim" -> claim(words[1]);
            default -> throw new IllegalArgumentException(words[0]);
        }
        System.out.println("ready");
        Thread.sleep(20_000);
        System.exit(1);
    }
}
