using static Granary.Cli.Tests.Compared.Parts;

namespace Granary.Cli.Tests.Compared;

/// <summary>All that is otherwise than with RabbitMQ's tools, and why.</summary>
internal static class Differences
{
    private const string Later = "RabbitMQ's tools have it in later versions", ForAll = "all of these tools have it here", Memory = ".memory.";

    private const string Status = "listeners, plugins and versions are each broker's own, memory is divided as .NET divides it, and the cluster has another name";

    private const string NotErlang = "there is no Erlang, and it is said what there is instead", EachItsOwn = "each broker has its own", InWords = "the reason is told in words";

    private const string Listeners = "the listeners are others, and AMQP 1.0 is not spoken", Plugins = "what is built in are not the same plugins";

    private const string Fails = "RabbitMQ fails with a term of Erlang's", NoConsensus = "a queue has no log of a consensus", NoSources = "attempts are not counted by where they come from";

    private const string Signal = "a node is ended by a signal", Answered = "only clients are not served";

    public static readonly Difference[] All =
    [
        // What each broker is.
        new("status", Words, Status) { Own = Memory },
        new("rabbitmq-diagnostics status", Words, Status) { Own = Memory },
        new("report", Words, Status),
        new("cluster_status", Words, Status),
        new("rabbitmq-diagnostics cluster_status", Words, Status),
        new("rabbitmq-diagnostics memory_breakdown", Words, "memory is divided as .NET divides it") { Own = "." },
        new("rabbitmq-diagnostics erlang_version", Words, NotErlang),
        new("rabbitmq-diagnostics runtime_thread_stats", Code | Words | Errors, "threads of .NET, which are told in JSON, too"),
        new("rabbitmq-diagnostics maybe_stuck", Words, "work of .NET's threads is looked at, instead of Erlang's processes"),
        new("rabbitmq-diagnostics tls_versions", Words, "the oldest versions of TLS are not spoken"),
        new("rabbitmq-diagnostics certificates", Words, "where there is none, RabbitMQ tells an empty table of Erlang's"),
        new("rabbitmq-diagnostics list_network_interfaces", Words, "an address has its prefix behind it instead of a mask before it, and a state stands for flags"),
        new("rabbitmq-diagnostics log_location", Words, EachItsOwn),
        new("rabbitmq-diagnostics log_tail", Words, EachItsOwn),
        new("rabbitmq-diagnostics log_tail_stream --duration 1", Words | Names, EachItsOwn) { IsOfTheMoment = true },
        new("rabbitmq-diagnostics consume_event_stream", Words | Names, "events of RabbitMQ's own connections and statistics are not told") { IsOfTheMoment = true },
        new("rabbitmq-diagnostics command_line_arguments", Code | Words | Errors, "options of Granary's, which are told in JSON, too"),
        new("rabbitmq-diagnostics os_env", Words, EachItsOwn) { Own = ".variables." },
        new("environment", Words | Names, "settings of Granary's, each with where it is from"),
        new("list_feature_flags", Words, "there are flags of later versions, and all of them are required"),
        new("list_global_parameters", Words | Names, "RabbitMQ keeps the id of its cluster there"),
        new("export_definitions -", Words | Names, "as RabbitMQ exports them since 4.0"),
        new("list_ciphers", Words, "the ciphers that encode and decode know here"),
        new("list_hashes", Words, "the hash functions that encode and decode know here"),

        // Where it listens, and who is connected.
        new("ping", Words, "the port for management is asked, and not Erlang's"),
        new("rabbitmq-diagnostics ping", Words, "the port for management is asked, and not Erlang's"),
        new("rabbitmq-diagnostics listeners", Words, Listeners),
        new("rabbitmq-diagnostics check_port_connectivity", Words, Listeners),
        new("rabbitmq-diagnostics check_port_listener 1", Words | Errors, Listeners),
        new("rabbitmq-diagnostics check_protocol_listener nosuch", Words | Errors, Listeners),
        new("list_connections", Words | Figures, "clients have ports of their own, and in JSON RabbitMQ tells an address as a list of numbers"),
        new("list_channels", Words | Figures, "process ids are Granary's"),
        new("list_consumers", Words | Figures, "process ids are Granary's"),

        // Plugins: what Granary has is built in.
        new("rabbitmq-plugins list", Words, Plugins),
        new("rabbitmq-plugins list -v", Words | Names, Plugins),
        new("rabbitmq-plugins list bogus(", Code | Errors, "RabbitMQ fails at a pattern that is none"),
        new("rabbitmq-plugins is_enabled", Words | Errors, Plugins),
        new("rabbitmq-plugins disable", Words, Plugins),
        new("rabbitmq-plugins enable", Words, Plugins),
        new("rabbitmq-plugins directories", Code | Words | Names | Errors, Plugins),

        // What is of Erlang, and refused with what to do instead.
        new("schema_info", Code | Words | Names | Errors, NotErlang),
        new("rabbitmqctl schema_info", Code | Errors, NotErlang),
        new("rabbitmq-diagnostics schema_info", Code | Errors, NotErlang),
        new("rabbitmq-diagnostics cipher_suites", Code | Words | Names | Errors, NotErlang),
        new("rabbitmq-diagnostics erlang_cookie_hash", Code | Words | Names | Errors, NotErlang),
        new("rabbitmq-diagnostics erlang_cookie_sources", Code | Words | Names | Errors, NotErlang),
        new("rabbitmqctl rename_cluster_node", Code | Errors, NotErlang),
        new("rabbitmqctl eval_file", Code | Words | Errors, "RabbitMQ fails at words too many"),

        // What is said of a failure.
        new("node_health_check", Errors, "the alarm is told in words, instead of Erlang's term"),
        new("set_vhost_limits -p v1 {\"bogus\":64}", Errors, InWords),
        new("set_user_limits bob {\"bogus\":5}", Errors, InWords),
        new("close_connection nopid", Errors, InWords),
        new("import_definitions", Errors, InWords),
        new("rabbitmq-queues delete_member plain", Errors, "RabbitMQ says that members cannot be added"),
        new("sync_queue stream", Errors, Fails),
        new("cancel_sync_queue stream", Errors, Fails),
        new("rabbitmq-queues add_member stream", Errors, Fails),
        new("rabbitmq-queues delete_member stream", Errors, Fails),
        new("rabbitmq-diagnostics reclaim_quorum_memory stream", Errors, Fails),
        new("rabbitmq-diagnostics quorum_status stream", Errors, Fails),

        // What is done in another way.
        new("list_vhosts name description tags", Words, "3.10 keeps the tags of add_vhost as text"),
        new("list_vhosts name tags", Words, "3.10 keeps the tags of add_vhost as text"),
        new("trace_on -p nowhere", Code | Words | Errors, "what does not exist is not traced"),
        new("rabbitmq-queues quorum_status quorum", Words | Names, NoConsensus),
        new("rabbitmq-diagnostics quorum_status quorum", Words, NoConsensus),
        new("rabbitmq-streams stream_status stream", Words | Names, NoConsensus),
        new("rabbitmq-streams set_stream_retention_policy", Code | Errors, "how long messages are kept is a matter of policies alone"),
        new("rabbitmq-upgrade post_upgrade", Words, "RabbitMQ tells a term of Erlang's"),
        new("rabbitmq-diagnostics enable_auth_attempt_source_tracking", Code | Words | Errors, NoSources),
        new("list_node_auth_attempt_stats --by-source", Code | Words | Errors, NoSources),
        new("eval_file /dev/null", Code | Errors, NotErlang),
        new("exec", Errors, NotErlang),
        new("encode a b", Words, "what is encrypted twice comes out twice"),
        new("help", Words, "the texts are Granary's"),
        new("list_users --help", Words, "the texts are Granary's"),

        // A cluster's members: there is no list of them but of those that run.
        new("rename_cluster_node {node} rabbit@other", Code | Errors, NotErlang),
        new("forget_cluster_node", Code | Words | Errors, "who has ended is no member any more, and not known"),
        new("reset", Words, "nothing is deleted, and that is said"),
        new("force_reset", Words, "nothing is deleted, and that is said"),
        new("stop", Code | Words | Errors, Signal),

        // A node that serves no clients still answers who looks after it.
        new("stopped: ping", Words, "the port for management is asked, and not Erlang's"),
        new("stopped: status", Code | Words | Errors, Answered),
        new("stopped: cluster_status", Code | Words | Errors, Answered),
        new("stopped: list_users", Code | Words | Errors, Answered),
        new("stopped: list_queues", Code | Words | Errors, Answered),
        new("stopped: rabbitmq-diagnostics check_alarms", Code | Words | Errors, Answered),
        new("stopped: rabbitmq-diagnostics check_port_listener", Code | Words | Errors, Answered),
        new("stopped: rabbitmq-diagnostics listeners", Code | Words | Errors, Answered),
        new("stopped: node_health_check", Code | Words | Errors, Answered),
        new("stopped: await_online_nodes", Code | Words | Errors, Answered),
    ];

    /// <summary>Commands of RabbitMQ's that there are not here, by tool and name.</summary>
    public static readonly Dictionary<string, string> NotHere = new()
    {
        ["rabbitmq-diagnostics consistent_hash_exchange_ring_state"] = "of the plugin for consistent hashing, whose ring is not kept here",
    };

    /// <summary>Commands that are not run, beside the wrong ways to call them.</summary>
    public static readonly Dictionary<string, string> NotRun = new()
    {
        ["observer"] = "a screen that somebody looks at",
        ["shutdown"] = "a server can be ended once, and stop has ended it",
        ["remote_shell"] = "a shell that somebody types into",
    };

    /// <summary>Commands that RabbitMQ's tools of 3.10 have not, by name, or by tool and name.</summary>
    public static readonly Dictionary<string, string> NotThere = new()
    {
        ["activate_free_disk_space_monitoring"] = Later,
        ["add_signing_key"] = "of the plugin for OAuth 2, which is built in here",
        ["add_uaa_key"] = "of the plugin for OAuth 2, which is built in here",
        ["check_for_quorum_queues_without_an_elected_leader"] = Later,
        ["check_if_any_deprecated_features_are_used"] = Later,
        ["check_if_cluster_has_classic_queue_mirroring_policy"] = Later,
        ["check_if_metadata_store_is_initialized"] = Later,
        ["check_if_metadata_store_is_initialized_with_data"] = Later,
        ["coordinator_status"] = Later,
        ["deactivate_free_disk_space_monitoring"] = Later,
        ["decrypt_conf_value"] = Later,
        ["disable_vhost_deletion_protection"] = Later,
        ["enable_vhost_deletion_protection"] = Later,
        ["encrypt_conf_value"] = Later,
        ["has_reached_target_cluster_size"] = Later,
        ["hash_password"] = Later,
        ["list_channel_interceptors"] = Later,
        ["list_deprecated_features"] = Later,
        ["list_operator_policies_with_classic_queue_mirroring"] = Later,
        ["list_policies_with_classic_queue_mirroring"] = Later,
        ["message_size_stats"] = Later,
        ["metadata_store_status"] = Later,
        ["reconcile_vhosts"] = Later,
        ["remove_classic_queue_mirroring_from_policies"] = Later,
        ["reset_stats_db"] = "of the plugin for management, which is built in here",
        ["set_channel_interceptor_priorities"] = Later,
        ["set_permissions_globally"] = Later,
        ["update_vhost_metadata"] = Later,
        ["rabbitmq-queues force_checkpoint"] = Later,
        ["rabbitmq-queues grow_to_count"] = Later,
        ["rabbitmq-queues transfer_leadership"] = Later,
        ["rabbitmq-queues status"] = ForAll,
        ["rabbitmq-queues version"] = ForAll,
        ["rabbitmq-streams add_super_stream"] = "of the plugin for streams",
        ["rabbitmq-streams delete_super_stream"] = "of the plugin for streams",
        ["rabbitmq-streams grow"] = Later,
        ["rabbitmq-streams restart_stream"] = Later,
        ["rabbitmq-streams shrink"] = Later,
        ["rabbitmq-streams transfer_leadership"] = Later,
        ["rabbitmq-streams autocomplete"] = ForAll,
        ["rabbitmq-streams status"] = ForAll,
        ["rabbitmq-streams version"] = ForAll,
        ["rabbitmq-upgrade autocomplete"] = ForAll,
        ["rabbitmq-upgrade cluster_status"] = ForAll,
        ["rabbitmq-upgrade status"] = ForAll,
        ["rabbitmq-upgrade version"] = ForAll,
    };
}
