//! What no stream calls by itself: `on_wake` without a host that was asked for it, and the exporter.
use crate::release::Release;
use handclasp::plugin::{Effects, FailureKind, InitParameters, Role, Started, Step, init};
use handclasp_tests::load;
use std::sync::Arc;

#[test]
fn a_plugin_is_woken_and_exports() {
    for release in Release::supported() {
        let library = release.compile("extensions");
        let plugin = load(&library.path());
        let parameters = InitParameters {
            component_id: 1,
            component_count: 1,
            mtu: 1200,
            stream_id: 1,
            instance_id: 1,
            options: Arc::from([]),
        };
        let mut effects = Effects::default();
        let started = init(&plugin, &parameters, 0, &mut effects).expect("it starts");
        assert_eq!(effects.init_data.as_deref(), Some(&b"extensions"[..]));
        let Started::AwaitingPeer(instance) = started else {
            panic!("it wants to know its peer: {started:?}");
        };
        let step = instance.set_peer(Role::Initiator, b"extensions", 0, &mut effects);
        let Ok(Step::Pending(instance)) = step else {
            panic!("it takes its peer: {step:?}");
        };
        let step = instance.connection_ready(0, &mut effects);
        let Ok(Step::Pending(instance)) = step else {
            panic!("it waits: {step:?}");
        };
        let step = instance.on_wake(1, &mut effects);
        let Ok(Step::Pending(instance)) = step else {
            panic!("it asks: {step:?}");
        };
        assert_eq!(effects.packets().collect::<Vec<_>>(), [b"?h"]);
        let step = instance.recv_from_peer(b"!h", 2, &mut effects);
        let Ok(Step::Finished(mut instance, data)) = step else {
            panic!("it is answered: {step:?}");
        };
        assert_eq!(*data, b"extensions");
        let mut keys = [9; 4];
        instance
            .export(b"label", None, &mut keys)
            .expect("it serves this");
        assert_eq!(keys, [5, 0, 0, 0]);
        instance
            .export(b"", Some(b""), &mut keys)
            .expect("it serves this");
        assert_eq!(keys, [0, 1, 0, 0]);
        let refused = instance.export(b"", None, &mut keys[..1]);
        assert_eq!(
            refused.expect_err("it is too short").kind,
            FailureKind::Unsupported
        );
    }
}
