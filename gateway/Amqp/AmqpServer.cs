using System.Collections.Concurrent;
using Granary.Core.Alarms;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Core.Routing;
using Granary.Core.Transactions;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Ends;
using Granary.Gateway.Counting;
using Granary.Gateway.Links;
using Granary.Gateway.Policies;
using Granary.Gateway.Topology;
using Granary.Gateway.Tracing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Amqp;

/// <summary>What all AMQP connections of this process share, and the ticker that lets time pass for them.</summary>
internal sealed partial class AmqpServer(
    IGrainFactory grains, Router router, ReplyRegistry replies, IAccess access, Logins logins, ClientCounts clients, PublisherAlarms alarms, AmqpOptions options, TimeProvider clock,
    IHostApplicationLifetime lifetime, ILogger<AmqpServer> log, ILocalQueues? local = null, SiloLosses? losses = null, GatewayLease? lease = null,
    QueueLimits? queueLimits = null, ClusterName? clusterName = null, Firehose? firehose = null, MessageSpans? spans = null, ILocalTransactions? transactions = null) : IHostedService
{
    /// <summary>What clients are told when the node stops.</summary>
    public const string Shutdown = "broker forced connection closure with reason 'shutdown'";
    private const string DeclaredDead = "broker forced connection closure: this node is no member of the cluster any more";

    // What takes longer is lost with the process.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<AmqpConnection, Task> _connections = new();
    private readonly CancellationTokenSource _impatient = new();
    private Ticker<AmqpConnection>? _ticker;
    private volatile string? _turnedAwayFor;

    public IGrainFactory Grains => grains;

    /// <summary>Queues that are reached without a call; null if none are.</summary>
    public ILocalQueues? LocalQueues => local;

    /// <summary>Which silos went; null where none can.</summary>
    public SiloLosses? Losses => losses;

    /// <summary>Whether anything may be routed and delivered here.</summary>
    public GatewayLease Lease { get; } = lease ?? GatewayLease.Unlimited;

    public Router Router => router;

    public ReplyRegistry Replies => replies;

    public IAccess Access => access;

    public Logins Logins => logins;

    public ClientCounts Clients => clients;

    /// <summary>Null where no vhost has one.</summary>
    public QueueLimits? QueueLimits => queueLimits;

    public PublisherAlarms Alarms => alarms;

    /// <summary>While memory is short: for the one connection that may complete its message.</summary>
    public SemaphoreSlim Completing { get; } = new(1, 1);

    /// <summary>Null where nothing is traced.</summary>
    public Firehose? Firehose => firehose;

    /// <summary>Null where messages get no spans.</summary>
    public MessageSpans? Spans => spans;

    public AmqpOptions Options => options;

    /// <summary>With the name that the cluster has now.</summary>
    public AmqpOptions OptionsNow => clusterName?.Current is { } name && name != options.ClusterName ? options with { ClusterName = name } : options;

    public TimeProvider Clock => clock;

    public QueuesApart Apart { get; } = new(clock);

    /// <summary>Null where no queues are reached without a call.</summary>
    public ILocalTransactions? Transactions => transactions;

    public ILogger Log => log;

    public ConnectionEnds Ends { get; } = new(log);

    public CountLedger Counts { get; } = new();

    public PublishCounts Published { get; } = new();

    /// <summary>Channels that were opened here, and those of them that are closed.</summary>
    public Turnover Channels { get; } = new();

    public ICollection<AmqpConnection> Connections => _connections.Keys;

    /// <summary>The node stops, and has waited long enough for queues that do not answer.</summary>
    public CancellationToken Impatient => _impatient.Token;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _ticker = new Ticker<AmqpConnection>(() => _connections.Keys, static connection => connection.Tick(), exception => LogTickFailed(log, exception), clock);
        _ticker.Start();
        lease?.AtEnd(() =>
        {
            CloseAll(DeclaredDead);
            return Task.WhenAll(_connections.Values);
        });

        // Before Kestrel stops: afterwards the sockets are gone and nobody could be told.
        lifetime.ApplicationStopping.Register(() =>
        {
            CloseAll(Shutdown);

            // Kestrel, which stops first, waits for connections until the host's own limit, and then nothing else is stopped in good order.
            _impatient.CancelAfter(options.CloseTimeout / 2);
        });
        return Task.CompletedTask;
    }

    /// <summary>Closes all connections with 320 and waits until they have let go of their queues.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        CloseAll(Shutdown);
        await Task.WhenAll(_connections.Values).WaitAsync(options.CloseTimeout / 2, clock, cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // Those that are left give up at once now, and say so.
        await _impatient.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_connections.Values).WaitAsync(LastWords, clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await (_ticker?.StopAsync() ?? Task.CompletedTask).ConfigureAwait(false);
    }

    /// <summary>
    /// Closes all connections with 320, and those that come until <see cref="Admit"/>; completes when they have let go of their queues, or have taken the time of a close for it.
    /// </summary>
    public async Task TurnAwayAsync(string reason)
    {
        _turnedAwayFor = reason;
        CloseAll(reason);
        await Task.WhenAll(_connections.Values).WaitAsync(options.CloseTimeout, clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Undoes <see cref="TurnAwayAsync"/>.</summary>
    public void Admit() => _turnedAwayFor = null;

    /// <summary>Runs one connection until its socket may be closed. What it has at queues it lets go of beside that, if it takes longer.</summary>
    public async Task RunAsync(AmqpConnection connection)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _connections[connection] = ended.Task;
        Counts.Begin(connection.Links.Counts);
        if (Lease.HasEnded)
        {
            connection.ForceClose(DeclaredDead);
        }
        else if (_turnedAwayFor is { } reason)
        {
            // Its handshake was under way when the others were closed.
            connection.ForceClose(reason);
        }

        try
        {
            await connection.RunAsync().ConfigureAwait(false);
        }
        finally
        {
            clients.Leave(connection.Terms.User, connection.Terms.Vhost);
            _ = ForgetAsync(connection, ended);
        }
    }

    // Until then it needs the ticker.
    private async Task ForgetAsync(AmqpConnection connection, TaskCompletionSource ended)
    {
        await connection.Released.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _connections.TryRemove(connection, out _);
        Counts.End(connection.Links.Counts);
        ended.SetResult();
    }

    private void CloseAll(string reason)
    {
        foreach (var connection in _connections.Keys)
        {
            connection.ForceClose(reason);
        }
    }

    [LoggerMessage(1301, LogLevel.Error, "A connection failed at a tick")]
    private static partial void LogTickFailed(ILogger logger, Exception exception);
}
