//! iceoryx2 as ../iceoryx2.c uses it: a publisher and a subscriber each way, and an event each way
//! for those who wait. One message is loaned and one is held at a time.

use core::ffi::{c_char, CStr};
use core::mem::MaybeUninit;
use iceoryx2::node::Node;
use iceoryx2::port::{
    listener::Listener, notifier::Notifier, publisher::Publisher, subscriber::Subscriber,
};
use iceoryx2::prelude::*;
use iceoryx2::sample::Sample;
use iceoryx2::sample_mut_uninit::SampleMutUninit;
use iceoryx2::service::port_factory::{event, publish_subscribe};

type Messages = publish_subscribe::PortFactory<ipc::Service, [u64], ()>;
type Events = event::PortFactory<ipc::Service>;

pub struct Role {
    loaned: Option<SampleMutUninit<ipc::Service, [MaybeUninit<u64>], ()>>,
    held: Option<Sample<ipc::Service, [u64], ()>>,
    publisher: Publisher<ipc::Service, [u64], ()>,
    subscriber: Subscriber<ipc::Service, [u64], ()>,
    notifier: Notifier<ipc::Service>,
    listener: Listener<ipc::Service>,
    words: usize,
    _messages: [Messages; 2],
    _events: [Events; 2],
    _node: Node<ipc::Service>,
}

/// Everything lies in this folder, or begins with this name in that of shared memory.
fn new_node(folder: &str, prefix: &str) -> Node<ipc::Service> {
    let mut config = Config::default();
    config
        .global
        .set_root_path(&Path::new(folder.as_bytes()).unwrap());
    config.global.prefix = FileName::new(prefix.as_bytes()).unwrap();
    NodeBuilder::new()
        .config(&config)
        .signal_handling_mode(SignalHandlingMode::Disabled)
        .create::<ipc::Service>()
        .unwrap()
}

fn new_messages(node: &Node<ipc::Service>, name: &str, slots: usize) -> Messages {
    node.service_builder(&name.try_into().unwrap())
        .publish_subscribe::<[u64]>()
        .max_publishers(1)
        .max_subscribers(1)
        .history_size(0)
        .subscriber_max_buffer_size(slots)
        .subscriber_max_borrowed_samples(1)
        .enable_safe_overflow(false)
        .open_or_create()
        .unwrap()
}

fn new_events(node: &Node<ipc::Service>, name: &str) -> Events {
    node.service_builder(&name.try_into().unwrap())
        .event()
        .max_notifiers(1)
        .max_listeners(1)
        .open_or_create()
        .unwrap()
}

fn is_whole(messages: &Messages, events: &Events) -> bool {
    messages.dynamic_config().number_of_subscribers() == 1
        && messages.dynamic_config().number_of_publishers() == 1
        && events.dynamic_config().number_of_listeners() == 1
        && events.dynamic_config().number_of_notifiers() == 1
}

unsafe fn text<'a>(from: *const c_char) -> &'a str {
    CStr::from_ptr(from).to_str().unwrap()
}

/// Returns when the other role is there, too.
#[no_mangle]
pub unsafe extern "C" fn ice_open(
    folder: *const c_char,
    prefix: *const c_char,
    role: usize,
    words: usize,
    slots: usize,
) -> *mut Role {
    set_log_level(LogLevel::Error);
    let node = new_node(text(folder), text(prefix));
    let messages = ["there", "back"].map(|name| new_messages(&node, name, slots));
    let events = ["there", "back"].map(|name| new_events(&node, name));
    let publisher = messages[role]
        .publisher_builder()
        .initial_max_slice_len(words)
        .max_loaned_samples(1)
        .create()
        .unwrap();
    let subscriber = messages[1 - role].subscriber_builder().create().unwrap();
    let notifier = events[role].notifier_builder().create().unwrap();
    let listener = events[1 - role].listener_builder().create().unwrap();
    while !(0..2).all(|i| is_whole(&messages[i], &events[i])) {
        std::thread::sleep(core::time::Duration::from_millis(1));
    }
    Box::into_raw(Box::new(Role {
        loaned: None,
        held: None,
        publisher,
        subscriber,
        notifier,
        listener,
        words,
        _messages: messages,
        _events: events,
        _node: node,
    }))
}

#[no_mangle]
pub unsafe extern "C" fn ice_close(role: *mut Role) {
    drop(Box::from_raw(role));
}

/// Room for a message.
#[no_mangle]
pub unsafe extern "C" fn ice_loan(role: *mut Role) -> *mut u64 {
    let role = &mut *role;
    let loaned = role.publisher.loan_slice_uninit(role.words).unwrap();
    role.loaned.insert(loaned).payload_mut().as_mut_ptr().cast()
}

/// Sends what was loaned. Returns how many subscribers have got it: of the first messages at times
/// none, although one is there and the publisher shall retry; the message must be sent again then.
#[no_mangle]
pub unsafe extern "C" fn ice_send(role: *mut Role) -> usize {
    let loaned = (*role).loaned.take().unwrap();
    loaned.assume_init().send().unwrap()
}

/// The next message, or null. It is valid up to ice_release.
#[no_mangle]
pub unsafe extern "C" fn ice_receive(role: *mut Role) -> *const u64 {
    let role = &mut *role;
    match role.subscriber.receive().unwrap() {
        Some(sample) => role.held.insert(sample).payload().as_ptr(),
        None => core::ptr::null(),
    }
}

#[no_mangle]
pub unsafe extern "C" fn ice_release(role: *mut Role) {
    (*role).held = None;
}

#[no_mangle]
pub unsafe extern "C" fn ice_notify(role: *mut Role) {
    (*role).notifier.notify().unwrap();
}

/// Sleeps until the other role has notified since.
#[no_mangle]
pub unsafe extern "C" fn ice_wait(role: *mut Role) {
    (*role).listener.blocking_wait(|_| {}).unwrap();
}
