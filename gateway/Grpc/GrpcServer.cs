using System.Collections.Concurrent;
using Granary.Core;
using Granary.Core.Alarms;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Core.Routing;
using Granary.Core.Transactions;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Counting;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Connections;
using Granary.Gateway.Grpc.Publishing;
using Granary.Gateway.Links;
using Granary.Gateway.Topology;
using Granary.Gateway.Tracing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Grpc;

/// <summary>What all gRPC calls of this process share, and the ticker that lets time pass for their links.</summary>
internal sealed partial class GrpcServer : IHostedService
{
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<LinkSet, byte> _open = new();
    private readonly ConcurrentDictionary<Caller, UnaryLinks> _unary = new();
    private readonly Lock _unaryGate = new();
    private readonly IGrainFactory _grains;
    private readonly ILocalQueues? _local;
    private readonly SiloLosses? _losses;
    private readonly CancellationTokenSource _closing;
    private readonly TimeProvider _clock;
    private readonly QueuesApart _apart;
    private readonly ILocalTransactions? _transactions;
    private readonly ILogger _log;
    private readonly Ticker<LinkSet> _ticker;

    public GrpcServer(
        IGrainFactory grains, Router router, ReplyRegistry replies, IAccess access, PublisherAlarms alarms, AmqpOptions options,
        IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<GrpcServer> log, ILocalQueues? local = null, SiloLosses? losses = null, GatewayLease? lease = null,
        QueueLimits? queueLimits = null, GrpcConnections? connections = null, Firehose? firehose = null, MessageSpans? spans = null,
        ILocalTransactions? transactions = null)
    {
        (_grains, _local, _losses, _clock, _log) = (grains, local, losses, clock, log);
        (_apart, _transactions) = (new QueuesApart(clock), transactions);
        (Router, Replies, Access, Alarms, Id) = (router, replies, access, alarms, ConnectionId.New(losses?.Own));
        (MaxMessageSize, Patience, ConsumerTimeout) = (options.MaxMessageSize, options.OperationTimeout, options.ConsumerTimeout);
        Lease = lease ?? GatewayLease.Unlimited;
        (QueueLimits, Firehose, Spans) = (queueLimits, firehose, spans);
        Connections = connections ?? new GrpcConnections(clock);
        Connections.Ended = connection =>
        {
            foreach (var token in connection.Login.Tokens)
            {
                Forget(token);
            }
        };
        _closing = CancellationTokenSource.CreateLinkedTokenSource(lifetime.ApplicationStopping);
        _ticker = new Ticker<LinkSet>(() => _open.Keys, static links => links.Tick(), exception => LogTickFailed(_log, exception), clock);
        lease?.AtEnd(_closing.CancelAsync);
    }

    public Router Router { get; }

    public IAccess Access { get; }

    public GrpcConnections Connections { get; }

    /// <summary>Null where no vhost has one.</summary>
    public QueueLimits? QueueLimits { get; }

    /// <summary>Null where messages get no spans.</summary>
    public MessageSpans? Spans { get; }

    /// <summary>Null where nothing is traced.</summary>
    public Firehose? Firehose { get; }

    public CountLedger Counts { get; } = new();

    public ReplyRegistry Replies { get; }

    public PublisherAlarms Alarms { get; }

    public TimeProvider Clock => _clock;

    /// <summary>How long a queue or exchange may take to answer.</summary>
    public TimeSpan Patience { get; }

    /// <summary>How long a delivery may stay open before its stream is ended; zero for ever.</summary>
    public TimeSpan ConsumerTimeout { get; }

    /// <summary>Largest body in bytes.</summary>
    public int MaxMessageSize { get; }

    /// <summary>Who the calls are to queues. No call owns anything exclusively, so one identity serves all.</summary>
    public ConnectionId Id { get; }

    /// <summary>Whether anything may be routed and delivered here.</summary>
    public GatewayLease Lease { get; }

    /// <summary>Set when the process is about to stop, or was declared dead: streams end then.</summary>
    public CancellationToken Stopping => _closing.Token;

    /// <summary>For one call, which is waited for as long as its client does, and no longer than methods of AMQP are.</summary>
    public GrainCalls GrainsFor(Caller caller, CancellationToken cancelled) => new(_grains, caller.Vhost, _clock, Patience, _log, cancelled);

    /// <summary>For what several queues do together. It does not end with the call.</summary>
    public AtomicCommit AtomicallyFor(Caller caller) => new(_grains, caller.Vhost, _clock, Patience, _log, CancellationToken.None, apart: _apart, local: _transactions);

    /// <summary>The links that calls of one message share; they stay open from call to call.</summary>
    public UnaryLinks UnaryLinksOf(Caller caller)
    {
        if (_unary.TryGetValue(caller, out var known))
        {
            return known;
        }

        // What two first calls at once made twice nobody would close.
        lock (_unaryGate)
        {
            return _unary.GetOrAdd(caller, static (key, server) => new UnaryLinks(server, key), this);
        }
    }

    /// <summary>The user may not call any more.</summary>
    public void Forget(UnaryLinks links)
    {
        if (_unary.TryRemove(KeyValuePair.Create(links.Caller, links)))
        {
            _ = CloseAsync(links.Links);
        }
    }

    /// <summary>Who logged in like that does not come any more.</summary>
    public void Forget(IAccess access)
    {
        foreach (var (caller, links) in _unary)
        {
            if (ReferenceEquals(caller.Access, access))
            {
                links.Rights.Leave();
                Forget(links);
            }
        }
    }

    /// <summary>Completes when a message may be published: nothing is short, and some silo answers.</summary>
    public async ValueTask WaitToPublishAsync(CancellationToken cancellationToken)
    {
        while (Alarms.IsRaised || Lease.IsOver)
        {
            await Alarms.WaitUntilClearAsync(cancellationToken).ConfigureAwait(false);
            await WaitToRouteAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Completes when some silo answers.</summary>
    public async ValueTask WaitToRouteAsync(CancellationToken cancellationToken)
    {
        if (Lease.IsOver)
        {
            await Lease.WaitAsync(cancellationToken).ConfigureAwait(false);
            if (Lease.HasEnded)
            {
                throw CallErrors.Stopping();
            }
        }
    }

    public LinkSet Open(string vhost)
    {
        var links = new LinkSet(_grains, _local, Id, vhost, _clock, _log) { Losses = _losses };
        _open[links] = 0;
        Counts.Begin(links.Counts);
        return links;
    }

    /// <summary>Ends the links; completes when their queues have taken note, or seem out of reach.</summary>
    public async Task CloseAsync(LinkSet links)
    {
        try
        {
            await CloseWhenPossibleAsync(links).WaitAsync(CloseTimeout, _clock).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            LogCloseTakesLong(_log, CloseTimeout);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _ticker.Start();
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(_open.Keys.Select(CloseAsync)).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _ticker.StopAsync().ConfigureAwait(false);
    }

    // Until the links are closed they need the ticker.
    private async Task CloseWhenPossibleAsync(LinkSet links)
    {
        try
        {
            await links.CloseAsync().ConfigureAwait(false);
        }
        finally
        {
            _open.TryRemove(links, out _);
            Counts.End(links.Counts);
        }
    }

    [LoggerMessage(1511, LogLevel.Error, "The links of a call failed at a tick")]
    private static partial void LogTickFailed(ILogger logger, Exception exception);

    [LoggerMessage(1512, LogLevel.Warning, "A call's links are not closed after {Timeout}; it goes on in the background")]
    private static partial void LogCloseTakesLong(ILogger logger, TimeSpan timeout);
}
