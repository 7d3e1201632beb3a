//! What every journal has to do, as tests that any implementation runs.
//!
//! [`conformance!`](crate::conformance!) makes a test of each case; every case gets an empty journal.
//! The cases panic when the journal does not do what [`Journal`] says.

mod append;
mod breakers;
mod claim;
mod components;
mod draft;
mod feed;
mod list;
mod prune;
mod read;
mod release;
mod stock;
mod switch;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::journal::Journal;

pub use self::append::*;
pub use self::breakers::*;
pub use self::claim::*;
pub use self::components::*;
pub use self::feed::*;
pub use self::list::*;
pub use self::prune::*;
pub use self::read::*;
pub use self::release::*;
pub use self::stock::*;
pub use self::switch::*;

/// An empty journal that a case may fill.
pub struct Fixture {
    /// The journal.
    pub journal: Arc<dyn Journal>,
    /// Who may use it at the same time.
    pub sharing: Sharing,
    /// What has to live as long as the journal is used, such as a folder.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture")
            .field("sharing", &self.sharing)
            .finish_non_exhaustive()
    }
}

/// How many engines a store serves at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// One: who registers takes the sagas of those before it.
    OneEngine,
    /// Many: a saga is its owner's until the owner's lease ends.
    ManyEngines,
}

/// Makes a test of each conformance case. The argument is a path of an `async fn() -> Fixture`,
/// which opens an empty journal.
#[macro_export]
macro_rules! conformance {
    ($open:path) => {
        $crate::conformance!(
            $open:
            a_new_saga_is_read_back_as_it_was_written,
            an_append_goes_on_after_the_expected_event,
            a_saga_that_exists_is_not_made_again,
            an_append_that_expects_another_event_is_refused,
            an_append_by_another_owner_or_epoch_is_refused,
            an_append_to_an_unknown_saga_is_refused,
            a_saga_that_was_let_go_takes_no_append_before_it_is_claimed,
            an_append_without_records_changes_the_head_and_the_owner_only,
            an_append_without_records_is_fenced_like_any_other,
            an_append_without_records_makes_no_saga,
            a_refusal_keeps_no_other_append_from_being_made,
            appends_to_one_saga_in_one_batch_follow_each_other,
            a_saga_made_twice_in_one_batch_is_made_once,
            a_batch_of_a_thousand_is_made_whole,
            an_empty_batch_is_answered,
            appends_from_many_tasks_are_all_made,
            due_sagas_are_claimed_in_the_order_in_which_they_became_due,
            a_claim_takes_no_more_than_its_limit,
            a_claim_raises_the_epoch_and_shuts_out_the_owner_before,
            a_saga_that_is_not_due_is_not_claimed,
            a_saga_that_somebody_owns_is_not_claimed,
            a_saga_that_is_due_is_claimed_whatever_its_status,
            a_saga_that_is_not_due_is_not_claimed_whatever_its_status,
            one_saga_is_claimed_whatever_its_status,
            one_saga_is_claimed_before_it_is_due,
            one_saga_that_somebody_owns_is_not_claimed,
            sagas_of_an_owner_that_is_gone_are_taken_over,
            what_an_owner_that_is_gone_had_is_free_whatever_its_status,
            a_lease_that_runs_keeps_an_owners_sagas,
            a_new_engine_takes_over_at_once_where_there_can_be_only_one,
            a_released_saga_is_claimed_when_it_is_due_and_not_before,
            a_release_by_another_owner_or_epoch_changes_nothing,
            a_saga_that_nobody_owns_is_not_released_again,
            a_saga_is_released_whatever_its_status,
            the_next_due_time_is_that_of_sagas_without_owner,
            records_are_read_in_pages,
            what_an_event_holds_survives,
            a_result_that_is_nested_deep_is_read_back_as_it_was_written,
            log_lines_are_read_in_the_order_in_which_they_were_written,
            a_page_of_records_is_bounded_in_bytes_and_never_empty_before_the_end,
            a_page_of_log_lines_is_bounded_in_bytes,
            an_unknown_saga_has_nothing,
            the_feed_has_all_events_in_the_order_in_which_they_were_written,
            a_page_of_the_feed_is_bounded,
            who_follows_the_feed_misses_nothing,
            the_oldest_finished_sagas_are_removed_first,
            sagas_of_several_statuses_are_removed_by_age_alone,
            a_saga_with_something_to_do_is_not_removed,
            a_nested_saga_is_kept_as_long_as_the_one_around_it,
            only_sagas_that_are_over_can_be_removed,
            nothing_of_a_removed_saga_is_left,
            the_pins_of_a_removed_saga_are_gone,
            positions_are_not_used_again_after_sagas_were_removed,
            sagas_are_listed_the_latest_first,
            sagas_are_filtered_by_status_definition_and_tag,
            a_saga_is_found_by_its_label_and_the_status_it_has_now,
            a_saga_that_is_over_at_once_is_found_by_its_label,
            sagas_of_every_status_are_listed_in_one_order,
            sagas_are_found_by_the_version_that_they_are_bound_to,
            pages_neither_repeat_nor_skip_while_sagas_are_added,
            a_page_is_bounded,
            a_cursor_of_another_list_is_refused,
            sagas_are_counted_by_status,
            bytes_are_found_by_their_digest,
            a_definition_gets_a_version_when_it_changes,
            definitions_are_listed_by_name,
            a_component_gets_a_version_for_new_bytes,
            component_versions_are_listed_the_latest_first,
            components_are_listed_by_name,
            an_activation_counts_the_generation_up,
            a_change_that_saw_another_generation_is_refused,
            a_version_that_does_not_exist_is_not_taken,
            a_candidate_shares_until_it_is_promoted_or_dropped,
            only_a_version_beside_the_active_one_can_share,
            nothing_is_counted_when_nothing_was_shared,
            changes_are_remembered_with_who_and_why,
            the_latest_changes_are_remembered,
            a_policy_may_come_before_the_component,
            what_is_said_of_a_version_can_change,
            a_removed_version_is_gone_and_its_number_is_not_used_again,
            bytes_go_with_the_last_version_that_has_them,
            a_version_that_sagas_take_is_not_removed,
            a_version_stays_while_a_saga_that_is_not_over_is_bound_to_it,
            every_event_that_binds_a_step_counts,
            a_version_stays_while_a_completed_saga_on_it_may_be_undone,
            a_circuit_breaker_is_read_back_as_it_was_stored_last,
            circuit_breakers_come_by_component_and_action,
            a_closed_journal_says_so,
        );
    };
    ($open:path: $($case:ident,)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::conformance::$case($open().await).await;
            }
        )*
    };
}
