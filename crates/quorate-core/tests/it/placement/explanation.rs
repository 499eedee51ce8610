//! What a placement tells people: the table, how many domains take the key, and what is lost with each.

use quorate_core::{ParticipantSet, danger, wire::Encoding};

use super::*;

#[test]
fn breach_number_is_told_with_and_without_waived_domains() {
    let explanation = waived(one_company(), &[waiver("acme")]).unwrap().explain();
    assert_eq!(explanation.breach().size(), Some(1));
    assert_eq!(explanation.breach().sets(), [vec![path("acme")]]);
    assert_eq!(explanation.breach_without_waived().size(), Some(2));
    let text = explanation.to_string();
    assert!(text.contains(
        "With waived domains, taking the key needs 1 domain breached together, and one set of them does it:\n  acme\n"
    ));
    assert!(
        text.contains("Without waived domains, taking the key needs 2 domains breached together, and 27 such sets do it:\n"),
        "{text}"
    );
}

#[test]
fn share_is_unavailable_without_any_of_what_it_needs() {
    const NEEDED: [Edit; 4] = [
        |row, shared| row.operator = shared.into(),
        |row, shared| row.runtime = shared.into(),
        |row, shared| row.store = shared.into(),
        |row, shared| row.key_services.push(shared.into()),
    ];
    const NOT_NEEDED: [Edit; 2] = [
        |row, shared| row.deployer = Some(shared.into()),
        |row, shared| row.backups = vec![(shared.into(), Some(shared.into()))],
    ];
    let losses = |edit| Placement::new(two_of_three(), rows(&[2], edit)).unwrap().explain();
    for edit in NEEDED {
        let explanation = losses(edit);
        let loss = explanation.losses().iter().find(|loss| loss.domain() == &path("shared")).unwrap();
        assert_eq!((loss.unavailable(), loss.cut_off(), loss.remaining()), (&ids(&[2])[..], &[][..], 2));
    }
    for edit in NOT_NEEDED {
        assert!(losses(edit).losses().iter().all(|loss| loss.domain() != &path("shared")));
    }
}

#[test]
fn explanation_tells_the_facts_in_words() {
    let text = realistic().explain().to_string();
    for fact in [
        "A 2-of-3 key. A store or a key service alone counts as the share (strict).",
        "Taking the key needs 2 domains breached together, and 12 such sets do it:",
        "  acme-wallet + gcp\n",
        "If aws is lost: participant 1 cannot sign, 2 of 3 shares remain.",
        "If synadia is lost: every share can still sign; participants 1, 2 and 3 lose their message relay until another one is set up.",
    ] {
        assert!(text.contains(fact), "{fact:?} is not in:\n{text}");
    }
    assert!(!text.contains("WARNING"), "{text}");
    assert!(!text.contains("aws/"), "levels below a provider that lose the same shares are noise:\n{text}");
    assert!(!text.contains("backblaze is lost"), "a backup is not needed to sign:\n{text}");
}

#[test]
fn explanation_warns_where_too_few_shares_remain() {
    let explanation = waived(one_company(), &[waiver("acme")]).unwrap().explain();
    let loss = explanation.losses().first().unwrap();
    assert_eq!((loss.domain(), loss.remaining(), loss.can_sign()), (&path("acme"), 0, false));
    assert_eq!(loss.unavailable(), ids(&[1, 2, 3]));
    assert!(loss.to_string().contains("0 of 3 shares remain. WARNING: signing needs 2"), "{loss}");
    assert!(explanation.losses()[1..].iter().all(|loss| loss.can_sign() && loss.remaining() == 2));
}

#[test]
fn losses_go_down_to_the_level_where_participants_differ() {
    let cloud: Edit = |row, shared| row.runtime = shared.into();
    let explanation = waived(rows(&[1, 2, 3], cloud), &[waiver("shared")]).unwrap().explain();
    let below: Vec<_> =
        explanation.losses().iter().map(|loss| loss.domain().as_str()).filter(|name| name.starts_with("shared")).collect();
    assert_eq!(below, ["shared", "shared/account-1", "shared/account-2", "shared/account-3"]);
    let breach = explanation.breach_without_waived();
    assert_eq!((breach.size(), breach.set_count(), breach.sets().len()), (Some(2), Some(48), 32));
    assert!(breach.sets().contains(&vec![path("database-1"), path("shared/account-2")]), "{breach:?}");
    assert!(explanation.to_string().contains("\n  and 16 more\n"));
}

#[test]
fn table_shows_every_field_of_a_row() {
    let mut row = Row::alone(2);
    row.deployer = Some("ci".into());
    row.relay = Some("nats".into());
    row.backups = vec![("vault".into(), None)];
    let rows = [(id(1), Row::alone(1).exposure()), (id(2), row.exposure()), (id(3), Row::alone(3).exposure())];
    let text = Placement::new(two_of_three(), rows).unwrap().to_string();
    let line = text.lines().nth(3).unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    let all = "2 operator-2 cloud-2/account/region database-2/account kms-2/account deployer ci; backup vault under the key of operator-2; relay nats";
    assert_eq!(words, all.split(' ').collect::<Vec<_>>(), "{text}");
    assert!(text.starts_with("placement of a 2-of-3 key, strict counting\nparticipant  operator"), "{text}");
}

#[test]
fn unchecked_placement_says_so_everywhere_and_passes_for_no_other() {
    let unchecked = danger::unchecked_placement(two_of_three(), ParticipantSet::first(3).unwrap());
    assert!(unchecked.is_unchecked());
    let explanation = unchecked.explain();
    assert!(explanation.is_unchecked());
    assert_eq!(explanation.breach().size(), Some(1), "one machine is enough");
    for text in [format!("{unchecked:?}"), format!("{unchecked:#?}"), unchecked.to_string(), explanation.to_string()] {
        assert!(text.contains("UNCHECKED"), "{text}");
    }
    let read = Placement::from_bytes(&unchecked.to_bytes()).unwrap();
    assert!(read.is_unchecked());
    assert_eq!(read.digest(), unchecked.digest());
    assert_eq!((unchecked.exposure(id(1)), unchecked.counting(), unchecked.rows().count()), (None, None, 0));
    assert_eq!(unchecked.fallen(&[]), ids(&[1, 2, 3]));

    let checked = realistic();
    assert!(!checked.is_unchecked() && !format!("{checked:?}{checked}{}", checked.explain()).contains("UNCHECKED"));
    for kind in [1, 2] {
        let mut bytes = unchecked.to_bytes();
        bytes[0] = kind;
        assert!(Placement::from_bytes(&bytes).is_err());
    }
}

#[test]
fn breach_number_beyond_the_exact_search_is_labelled_as_a_bound() {
    let number_of_rows = 9;
    let rows = (1..=number_of_rows).map(|number| {
        let mut row = Row::alone(number);
        if number <= 3 {
            (row.operator, row.runtime) = ("first".into(), "second".into());
        }
        (id(number), row.exposure())
    });
    let explanation = Placement::new(Threshold::new(5, number_of_rows).unwrap(), rows).unwrap().explain();
    let breach = explanation.breach();
    assert_eq!((breach.size(), breach.is_exact(), breach.at_least(), breach.set_count()), (Some(3), false, 2, None));
    let text = explanation.to_string();
    assert!(
        text.contains("needs at most 3 domains (an upper bound; 2 for certain) breached together, for instance these:"),
        "{text}"
    );
}

#[test]
fn largest_placement_is_checked_and_explained() {
    let rows = |shared: u16| {
        (1..=4096).map(move |number| {
            let mut row = Row::alone(number);
            row.relay = Some("relay".into());
            if number <= shared {
                row.store = format!("cloud/{number}");
            }
            (id(number), row.exposure())
        })
    };
    let threshold = Threshold::new(2049, 4096).unwrap();
    let placement = Placement::new(threshold, rows(2048)).unwrap();
    assert_eq!(Placement::from_bytes(&placement.to_bytes()), Ok(placement.clone()));
    let explanation = placement.explain();
    assert_eq!((explanation.breach().size(), explanation.breach().is_exact()), (Some(2), true));
    let first = &explanation.losses()[0];
    assert_eq!((first.domain().as_str(), first.remaining(), first.can_sign()), ("cloud", 2048, false));
    assert!(explanation.to_string().lines().count() < 128);
    match Placement::new(threshold, rows(2049)) {
        Err(PlacementError::OneDomainReachesTheKey { domain, participants, .. }) => {
            assert_eq!((domain.as_str(), participants.len()), ("cloud", 2049));
        }
        other => panic!("{}", other.is_ok()),
    }
}

/// Many participants over few providers: the search gives up on time instead of hanging.
#[test]
fn breach_search_over_many_different_rows_ends() {
    let mut state = 1u32;
    let mut provider = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("provider-{}", (state >> 16) % 24)
    };
    let rows: Vec<_> = (1..=4096)
        .map(|number| {
            let storage = Storage::new(path(&provider()), [path(&provider()), path(&provider())]).unwrap();
            (id(number), Exposure::new(path(&provider()), path(&provider()), storage))
        })
        .collect();
    for (counting, min_signers) in [(Counting::Strict, 4096), (Counting::Joint, 3500)] {
        let builder = Placement::builder(Threshold::new(min_signers, 4096).unwrap()).counting(counting);
        let builder = rows.iter().fold(builder, |builder, (participant, row)| builder.participant(*participant, row.clone()));
        let breach = builder.build().unwrap().explain();
        let (size, at_least) = (breach.breach().size().unwrap(), breach.breach().at_least());
        assert!(1 < at_least && at_least <= size && size <= 24, "{at_least} <= {size}");
        assert!(!breach.breach().is_exact());
        let set = &breach.breach().sets()[0];
        assert_eq!(set.len(), size);
    }
}

#[test]
fn explanation_says_so_if_only_waived_domains_take_the_key() {
    let everything: Edit = |row, _| {
        (row.operator, row.runtime, row.store) = ("acme".into(), "acme".into(), "acme".into());
        row.key_services = vec!["acme".into()];
    };
    let explanation = waived(rows(&[1, 2, 3], everything), &[waiver("acme")]).unwrap().explain();
    assert_eq!((explanation.breach().size(), explanation.breach_without_waived().size()), (Some(1), None));
    let text = explanation.to_string();
    assert!(text.contains("No other domains take the key: every way to 2 shares needs a waived one.\n"), "{text}");
    assert!(text.contains("until acme is back or shares are restored from backups"), "{text}");
}
