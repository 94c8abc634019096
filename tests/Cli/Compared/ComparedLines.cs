namespace Granary.Cli.Tests.Compared;

/// <summary>
/// Command lines for both tools, in an order in which the later ones find what the earlier ones made. <c>{node}</c>, <c>{pid}</c> and <c>{port}</c> stand for the
/// broker's own name, the id of its process and its port for AMQP. The first word may be the name of another tool than rabbitmqctl.
/// </summary>
internal static partial class ComparedLines
{
    /// <summary>What changes nothing: each is asked for people and for programs.</summary>
    public static IEnumerable<string[]> Asked => AskedTwice("""
        version
        rabbitmq-diagnostics version
        rabbitmq-plugins version
        rabbitmq-diagnostics server_version
        rabbitmq-diagnostics erlang_version
        rabbitmq-diagnostics erlang_version --details
        ping
        status
        status --unit mb
        status --unit some
        cluster_status
        environment
        await_startup
        await_online_nodes 1
        await_online_nodes some
        node_health_check
        report
        schema_info
        eval node().
        eval rabbit:is_running().
        export_definitions -
        list_users
        list_user_limits
        list_user_limits --user guest
        list_user_limits --user nobody
        list_user_limits --global
        list_permissions
        list_permissions -p nowhere
        list_user_permissions guest
        list_user_permissions nobody
        list_topic_permissions
        list_user_topic_permissions guest
        list_user_topic_permissions nobody
        list_vhosts
        list_vhosts name tracing
        list_vhosts bogus
        list_vhost_limits
        list_vhost_limits -p nowhere
        list_vhost_limits --global
        list_queues
        list_queues name consumers state type
        list_queues -p nowhere
        list_exchanges
        list_exchanges bogus
        list_bindings
        list_bindings bogus
        list_connections
        list_connections user vhost state
        list_connections bogus
        list_channels
        list_channels user number
        list_channels bogus
        list_consumers
        list_consumers queue_name consumer_tag
        list_consumers bogus
        list_unresponsive_queues
        list_unresponsive_queues -p nowhere
        list_parameters
        list_parameters -p nowhere
        list_global_parameters
        list_policies
        list_policies -p nowhere
        list_operator_policies
        list_feature_flags
        list_feature_flags name state stability
        list_ciphers
        list_hashes
        list_node_auth_attempt_stats
        rabbitmq-diagnostics cluster_status
        rabbitmq-diagnostics status
        rabbitmq-diagnostics ping
        rabbitmq-diagnostics listeners
        rabbitmq-diagnostics alarms
        rabbitmq-diagnostics check_alarms
        rabbitmq-diagnostics check_alarms -s
        rabbitmq-diagnostics check_local_alarms
        rabbitmq-diagnostics check_local_alarms -s
        rabbitmq-diagnostics check_running
        rabbitmq-diagnostics is_running
        rabbitmq-diagnostics is_booting
        rabbitmq-diagnostics check_virtual_hosts
        rabbitmq-diagnostics check_virtual_hosts -s
        rabbitmq-diagnostics check_port_connectivity
        rabbitmq-diagnostics check_port_listener {port}
        rabbitmq-diagnostics check_port_listener 1
        rabbitmq-diagnostics check_port_listener some
        rabbitmq-diagnostics check_protocol_listener amqp
        rabbitmq-diagnostics check_protocol_listener amqp091
        rabbitmq-diagnostics check_protocol_listener nosuch
        rabbitmq-diagnostics check_if_node_is_quorum_critical
        rabbitmq-queues check_if_node_is_quorum_critical
        rabbitmq-queues check_if_node_is_quorum_critical -s
        rabbitmq-diagnostics check_if_node_is_mirror_sync_critical
        rabbitmq-queues check_if_node_is_mirror_sync_critical
        rabbitmq-queues check_if_node_is_mirror_sync_critical -s
        rabbitmq-diagnostics check_certificate_expiration --within 2 --unit months
        rabbitmq-diagnostics certificates
        rabbitmq-diagnostics tls_versions
        rabbitmq-diagnostics cipher_suites
        rabbitmq-diagnostics command_line_arguments
        rabbitmq-diagnostics os_env
        rabbitmq-diagnostics erlang_cookie_hash
        rabbitmq-diagnostics erlang_cookie_sources
        rabbitmq-diagnostics discover_peers
        rabbitmq-diagnostics list_network_interfaces
        rabbitmq-diagnostics list_network_interfaces --offline
        rabbitmq-diagnostics resolve_hostname localhost
        rabbitmq-diagnostics resolve_hostname nowhere.invalid
        rabbitmq-diagnostics resolver_info
        rabbitmq-diagnostics memory_breakdown
        rabbitmq-diagnostics memory_breakdown --unit mb
        rabbitmq-diagnostics runtime_thread_stats --sample-interval 1
        rabbitmq-diagnostics log_location
        rabbitmq-diagnostics log_tail -N 1
        rabbitmq-diagnostics log_tail_stream --duration 1
        rabbitmq-diagnostics consume_event_stream --duration 1
        rabbitmq-plugins list
        rabbitmq-plugins list -E -m
        rabbitmq-plugins list -v ^rabbitmq_management$
        rabbitmq-plugins list bogus(
        rabbitmq-plugins list -m ^rabbitmq_management$
        rabbitmq-plugins is_enabled rabbitmq_management
        rabbitmq-plugins is_enabled rabbitmq_management rabbitmq_web_dispatch
        rabbitmq-plugins is_enabled nosuch
        rabbitmq-plugins directories
        rabbitmq-queues peek nowhere 1
        rabbitmq-queues quorum_status nowhere
        rabbitmq-queues quorum_status orders
        rabbitmq-queues stream_status nowhere
        rabbitmq-diagnostics stream_status orders
        rabbitmq-streams stream_status orders --tracking
        """);

    /// <summary>What an alarm is told by: both brokers have been given one.</summary>
    public static IEnumerable<string[]> InAlarm =>
    [
        ["eval", "rabbit_alarm:set_alarm({{resource_limit,memory,node()},[]})."],
        .. AskedTwice("""
        rabbitmq-diagnostics alarms
        rabbitmq-diagnostics check_alarms
        rabbitmq-diagnostics check_alarms -s
        rabbitmq-diagnostics check_local_alarms
        rabbitmq-diagnostics check_local_alarms -s
        node_health_check
        status
        cluster_status
        """),
        ["eval", "rabbit_alarm:clear_alarm({resource_limit,memory,node()})."],
    ];

    /// <summary>What is done to a broker with a queue of each kind: classic, quorum, stream.</summary>
    public static IEnumerable<string[]> Changing => Split("""
        add_vhost v1 --formatter json
        add_vhost v2 --description some --tags a,b
        list_vhosts name description tags
        list_vhosts name description tags --formatter json
        set_vhost_tags v2 c
        set_vhost_tags v2 --formatter json
        set_vhost_tags nowhere a
        list_vhosts name tags
        restart_vhost -p v1
        restart_vhost -p v1 --formatter json
        set_vhost_limits -p v1 {"max-connections":64,"max-queues":8}
        set_vhost_limits -p v1 {"bogus":64}
        set_vhost_limits -p v1 bogus
        set_vhost_limits -p nowhere {"max-connections":64}
        set_vhost_limits -p v1 {"max-queues":9} --formatter json
        list_vhost_limits -p v1
        list_vhost_limits -p v1 --formatter json
        list_vhost_limits --global
        list_vhost_limits --global --formatter json
        clear_vhost_limits -p v1
        clear_vhost_limits -p v1
        clear_vhost_limits -p nowhere
        add_user bob secret --formatter json
        add_user bill secret -q
        delete_user bill --formatter json
        set_user_tags bob administrator --formatter json
        set_user_tags nobody administrator
        set_permissions -p v1 bob .* .* .* --formatter json
        list_permissions -p v1 --formatter csv
        list_user_permissions bob -s
        list_user_permissions bob --formatter csv
        clear_permissions -p v1 bob --formatter json
        clear_permissions -p v1 nobody
        clear_permissions -p nowhere bob
        set_topic_permissions -p v1 bob amq.topic ^a ^b --formatter json
        set_topic_permissions -p v1 nobody amq.topic ^a ^b
        list_user_topic_permissions bob --formatter json
        clear_topic_permissions -p v1 bob --formatter json
        clear_topic_permissions -p v1 nobody
        change_password bob new --formatter json
        authenticate_user bob new --formatter json
        authenticate_user bob bad --formatter json
        clear_password bob --formatter json
        authenticate_user bob new
        set_user_limits bob {"max-connections":5,"max-channels":3}
        set_user_limits bob {"bogus":5}
        set_user_limits nobody {"max-connections":5}
        set_user_limits bob {"max-channels":4} --formatter json
        list_user_limits --user bob
        list_user_limits --user bob --formatter json
        list_user_limits --global
        list_user_limits --global --formatter json
        clear_user_limits bob max-connections
        clear_user_limits bob bogus
        clear_user_limits nobody all
        clear_user_limits bob all --formatter json
        list_user_limits --user bob
        set_policy -p v1 p ^a {"max-length":5} --formatter json
        list_policies -p v1 --formatter csv
        clear_policy -p v1 p --formatter json
        set_policy -p v1 p ^a {"ha-mode":"all"}
        set_policy -p v1 p2 ^b {"ha-mode":"exactly","ha-params":2,"ha-sync-mode":"automatic"}
        set_policy -p v1 p3 ^c {"ha-mode":"nodes","ha-params":["rabbit@a","rabbit@b"]}
        set_policy -p v1 p4 ^d {"ha-mode":"some"}
        set_policy -p v1 p5 ^d {"ha-mode":"exactly"}
        list_policies -p v1
        set_operator_policy -p v1 o ^a {"max-length":5} --formatter json
        clear_operator_policy -p v1 o --formatter json
        clear_operator_policy -p v1 o
        set_parameter -p v1 vhost-limits limits {"max-queues":10} --formatter json
        list_parameters -p v1 --formatter json
        clear_parameter -p v1 vhost-limits limits --formatter json
        set_parameter -p nowhere vhost-limits limits {"max-queues":10}
        set_global_parameter g 1 --formatter json
        set_global_parameter g bogus
        clear_global_parameter g --formatter json
        set_cluster_name fred --formatter json
        trace_on -p v1 --formatter json
        trace_off -p v1 --formatter json
        trace_on -p nowhere
        close_connection nopid bye
        close_connection <a.1.2.3> bye
        close_all_user_connections bob bye
        close_all_user_connections nobody bye
        close_all_user_connections bob bye --formatter json
        close_all_connections -p v1 bye --formatter json
        delete_vhost v1 --formatter json
        delete_vhost v2 --dry-run
        list_vhosts
        delete_vhost v2
        delete_user bob --dry-run
        list_users
        delete_user bob
        list_queues name type durable
        sync_queue nowhere
        sync_queue nowhere --formatter json
        sync_queue plain
        sync_queue plain --formatter json
        sync_queue quorum
        sync_queue stream
        sync_queue -p nowhere plain
        set_policy mirrors ^plain$ {"ha-mode":"all"}
        sync_queue plain
        clear_policy mirrors
        cancel_sync_queue nowhere
        cancel_sync_queue plain
        cancel_sync_queue plain --formatter json
        cancel_sync_queue quorum
        cancel_sync_queue stream
        rabbitmq-queues add_member nowhere {node}
        rabbitmq-queues add_member nowhere {node} --formatter json
        rabbitmq-queues add_member plain {node}
        rabbitmq-queues add_member quorum {node}
        rabbitmq-queues add_member quorum {node} --formatter json
        rabbitmq-queues add_member quorum rabbit@nowhere
        rabbitmq-queues add_member stream {node}
        rabbitmq-queues add_member -p nowhere quorum {node}
        rabbitmq-queues delete_member nowhere {node}
        rabbitmq-queues delete_member plain {node}
        rabbitmq-queues delete_member quorum {node}
        rabbitmq-queues delete_member quorum rabbit@nowhere
        rabbitmq-queues delete_member stream {node}
        rabbitmq-queues grow {node} all
        rabbitmq-queues grow {node} all --formatter json
        rabbitmq-queues grow {node} even
        rabbitmq-queues grow rabbit@nowhere all
        rabbitmq-queues grow rabbit@nowhere all --formatter json
        rabbitmq-queues grow {node} some
        rabbitmq-queues shrink rabbit@nowhere
        rabbitmq-queues shrink rabbit@nowhere --errors-only
        rabbitmq-queues shrink rabbit@nowhere --formatter json
        rabbitmq-queues rebalance all
        rabbitmq-queues rebalance all --formatter json
        rabbitmq-queues rebalance classic
        rabbitmq-queues rebalance quorum
        rabbitmq-queues rebalance some
        rabbitmq-queues reclaim_quorum_memory nowhere
        rabbitmq-queues reclaim_quorum_memory nowhere --formatter json
        rabbitmq-queues reclaim_quorum_memory plain
        rabbitmq-queues reclaim_quorum_memory quorum
        rabbitmq-queues reclaim_quorum_memory quorum --formatter json
        rabbitmq-diagnostics reclaim_quorum_memory stream
        rabbitmq-queues quorum_status quorum
        rabbitmq-queues quorum_status quorum --formatter json
        rabbitmq-diagnostics quorum_status quorum
        rabbitmq-diagnostics quorum_status stream
        rabbitmq-queues stream_status quorum
        rabbitmq-streams stream_status stream
        rabbitmq-streams stream_status stream --formatter json
        rabbitmq-streams stream_status stream --tracking
        rabbitmq-streams add_replica nowhere {node}
        rabbitmq-streams add_replica plain {node}
        rabbitmq-streams add_replica quorum {node}
        rabbitmq-streams add_replica stream rabbit@nowhere
        rabbitmq-streams delete_replica nowhere {node}
        rabbitmq-streams delete_replica plain {node}
        rabbitmq-streams delete_replica quorum {node}
        rabbitmq-streams delete_replica stream rabbit@nowhere
        rabbitmq-streams set_stream_retention_policy plain 1D
        rabbitmq-streams set_stream_retention_policy stream 1D
        rabbitmq-upgrade await_online_quorum_plus_one
        rabbitmq-upgrade await_online_quorum_plus_one --formatter json
        rabbitmq-upgrade await_online_synchronized_mirror
        rabbitmq-upgrade await_online_synchronized_mirror --formatter json
        rabbitmq-upgrade post_upgrade
        rabbitmq-upgrade post_upgrade --formatter json
        purge_queue plain --formatter json
        purge_queue quorum
        purge_queue stream
        delete_queue plain --dry-run
        delete_queue plain --formatter json
        delete_queue plain
        delete_queue quorum -q
        delete_queue stream
        delete_queue -p nowhere stream
        rabbitmq-plugins enable nosuch
        rabbitmq-plugins disable nosuch
        rabbitmq-plugins set nosuch
        rabbitmq-plugins enable rabbitmq_management
        rabbitmq-plugins enable rabbitmq_management --formatter json
        rabbitmq-plugins enable --all rabbitmq_management
        rabbitmq-diagnostics enable_auth_attempt_source_tracking
        rabbitmq-diagnostics disable_auth_attempt_source_tracking --formatter json
        rabbitmq-diagnostics reset_node_auth_attempt_metrics --formatter json
        list_node_auth_attempt_stats --by-source
        import_definitions /nowhere/file
        import_definitions
        export_definitions /nowhere/file
        export_definitions - --format some
        rabbitmq-diagnostics maybe_stuck
        rotate_logs
        rotate_logs --formatter json
        force_gc --formatter json
        eval_file /dev/null
        exec 1.
        wait -P {pid}
        wait -P {pid} --formatter json
        encode a b --formatter json
        set_log_level warning --formatter json
        enable_feature_flag all --formatter json
        help list_users
        help nosuch
        help
        list_users --help
        list_users -t some
        """);

    /// <summary>What a cluster's scripts do, first while the broker runs, which is too early for them.</summary>
    public static IEnumerable<string[]> Stopping => Split("""
        reset
        force_reset
        force_boot
        join_cluster {node}
        join_cluster --ram --disc {node}
        join_cluster rabbit@nowhere
        change_cluster_node_type ram
        update_cluster_nodes {node}
        rename_cluster_node {node} rabbit@other
        rename_cluster_node {node}
        forget_cluster_node rabbit@nowhere
        forget_cluster_node {node}
        forget_cluster_node {node} --offline
        stop_app --formatter json
        """);

    /// <summary>What RabbitMQ refuses for the most part, as long as its application does not run.</summary>
    public static IEnumerable<string[]> WhileStopped => Split("""
        rabbitmq-diagnostics check_running --formatter json
        rabbitmq-diagnostics is_running --formatter json
        rabbitmq-diagnostics is_booting --formatter json
        rabbitmq-diagnostics check_running
        ping
        status
        cluster_status
        list_users
        list_queues
        rabbitmq-diagnostics check_alarms
        rabbitmq-diagnostics check_port_listener {port}
        rabbitmq-diagnostics listeners
        node_health_check
        await_online_nodes 1
        await_startup -t 1
        """);

    /// <summary>What scripts do to a member, up to its end.</summary>
    public static IEnumerable<string[]> Leaving => Split("""
        join_cluster {node}
        change_cluster_node_type disc
        change_cluster_node_type disk --formatter json
        change_cluster_node_type ram
        update_cluster_nodes {node}
        forget_cluster_node rabbit@nowhere
        force_boot
        force_boot --formatter json
        reset
        reset --formatter json
        force_reset
        force_reset --formatter json
        start_app --formatter json
        rabbitmq-diagnostics is_running --formatter json
        list_vhosts
        cluster_status
        stop
        """);

    /// <summary>Of each of these commands any number of words is taken: one too many cannot be given.</summary>
    public static readonly HashSet<string> TakingAllWords =
    [
        "trace_on", "trace_off", "set_user_tags", "set_vhost_tags", "eval", "disable",
    ];

    /// <summary>What is wrong with any command: a word too few, one too many, an option that there is not.</summary>
    /// <param name="words">How many it needs.</param>
    public static IEnumerable<string[]> Wrong(string tool, string command, int words)
    {
        yield return [tool, command, .. Enumerable.Repeat("x", words), "--nosuch"];
        if (words > 0)
        {
            yield return [tool, command, .. Enumerable.Repeat("x", words - 1)];
        }

        if (!TakingAllWords.Contains(command))
        {
            yield return [tool, command, .. Enumerable.Repeat("x", 12)];
        }
    }

    private static IEnumerable<string[]> AskedTwice(string lines) => Split(lines).SelectMany(static line => new[] { line, [.. line, .. Json] });

    private static IEnumerable<string[]> Split(string lines) => lines.Split('\n').Select(static line => line.Split(' '));

    /// <summary>For programs.</summary>
    public static readonly string[] Json = ["--formatter", "json"];
}
