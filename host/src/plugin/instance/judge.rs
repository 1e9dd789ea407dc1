//! What the contract allows a call to answer and to emit.
use crate::plugin::collector::Collector;
use crate::plugin::fault::{CallName, FailureKind, Fault};
use handclasp_abi as abi;

/// What the contract makes of a status that is no failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pending,
    Finished,
}

/// Why an answer is a failure: the kind, and the plugin's own words or what it did wrong.
type Refused = (FailureKind, Option<String>);

/// Holds a call's answer and emissions against the contract.
#[cold]
pub(super) fn judge_closely(
    name: CallName,
    status: abi::hc_status,
    collector: &mut Collector,
) -> Result<Verdict, Refused> {
    let verdict = match status {
        abi::HC_PENDING => Ok(Verdict::Pending),
        abi::HC_FINISHED => Ok(Verdict::Finished),
        failed => Err(FailureKind::of(failed).ok_or_else(|| breach(Fault::UnknownStatus(failed)))?),
    };
    if let Some(fault) = collector.fault.take() {
        return Err(breach(fault));
    }
    if collector.effects.init_data.is_some() && name != CallName::Init {
        return Err(breach(Fault::WrongCall { what: "init_data" }));
    }
    match verdict {
        Ok(Verdict::Pending) if collector.handshake_data.is_some() => {
            Err(breach(Fault::WrongCall {
                what: "handshake_data",
            }))
        }
        Ok(verdict) => Ok(verdict),
        Err(kind) => {
            // What a failing call agreed on is worth nothing; its packets (alerts) still leave.
            collector.handshake_data = None;
            collector.effects.init_data = None;
            collector.effects.deadline = None;
            Err((kind, collector.effects.sentence.take()))
        }
    }
}

fn breach(fault: Fault) -> Refused {
    (FailureKind::Fault, Some(fault.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::effects::Deadline;
    use zeroize::Zeroizing;

    /// Everything a call can emit, at once.
    fn talkative() -> Collector {
        let mut collector = Collector::default();
        collector.effects.init_data = Some(b"certificate".to_vec());
        collector.handshake_data = Some(Zeroizing::new(b"keys".to_vec()));
        collector.effects.deadline = Some(Deadline::At(7));
        collector.effects.sentence = Some("no".to_owned());
        collector
    }

    #[test]
    fn statuses_mean_what_the_contract_says() {
        let judge = |status| judge_closely(CallName::OnWake, status, &mut Collector::default());
        assert_eq!(judge(abi::HC_PENDING), Ok(Verdict::Pending));
        assert_eq!(judge(abi::HC_FINISHED), Ok(Verdict::Finished));
        assert_eq!(
            judge(abi::HC_ERROR_AUTHENTICATION),
            Err((FailureKind::Authentication, None))
        );
        for unknown in [2, 77, i32::MIN, i32::MAX] {
            let refused = judge(unknown).expect_err("it is no status");
            assert_eq!(refused.0, FailureKind::Fault, "{unknown}");
        }
    }

    #[test]
    fn a_failing_call_leaves_its_reason_and_nothing_it_agreed_on() {
        let mut collector = talkative();
        let refused = judge_closely(CallName::Init, abi::HC_ERROR_INTERNAL, &mut collector);
        assert_eq!(refused, Err((FailureKind::Internal, Some("no".to_owned()))));
        assert!(collector.handshake_data.is_none());
        assert!(collector.effects.init_data.is_none());
        assert!(collector.effects.deadline.is_none());
    }

    #[test]
    fn init_data_comes_from_init_alone_and_keys_with_the_finish_alone() {
        let judge = |name, status| judge_closely(name, status, &mut talkative());
        assert_eq!(
            judge(CallName::Init, abi::HC_FINISHED),
            Ok(Verdict::Finished)
        );
        for (name, status) in [
            (CallName::Init, abi::HC_PENDING),
            (CallName::SetPeer, abi::HC_FINISHED),
            (CallName::RecvFromPeer, abi::HC_FINISHED),
        ] {
            let refused = judge(name, status).expect_err("it does not belong there");
            assert_eq!(refused.0, FailureKind::Fault, "{name:?}");
        }
    }

    #[test]
    fn a_breach_noted_by_an_emitter_counts_whatever_the_call_answers() {
        for status in [abi::HC_PENDING, abi::HC_FINISHED, abi::HC_ERROR_INTERNAL] {
            let mut collector = Collector {
                fault: Some(Fault::TooManyPackets),
                ..Collector::default()
            };
            let refused = judge_closely(CallName::RecvFromPeer, status, &mut collector);
            assert_eq!(refused.expect_err("a breach").0, FailureKind::Fault);
        }
    }
}
