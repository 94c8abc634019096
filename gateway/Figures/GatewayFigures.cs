using System.Collections.Concurrent;
using Granary.Core.Counting;
using Granary.Core.Figures;
using Granary.Core.Routing;
using Granary.Gateway.Amqp;
using Granary.Gateway.Grpc;

namespace Granary.Gateway.Figures;

/// <summary>What a process with clients tells of them, and of what they publish.</summary>
/// <param name="grpc">Null where nothing is served over gRPC.</param>
internal sealed class GatewayFigures(AmqpServer amqp, Router router, Listeners listeners, TimeProvider clock, GrpcServer? grpc = null) : IFigureSource, ISampled, IConnectionCloser
{
    private readonly CountRates _rates = new(clock.GetUtcNow().ToUnixTimeMilliseconds());
    private readonly ConcurrentDictionary<ExchangeCounts, CountRates> _exchangeRates = new();
    private readonly Lock _gate = new();

    // Of exchanges that nobody publishes to any more.
    private long _unroutableBefore;

    public ValueTask<MemberFigures> AddAsync(MemberFigures figures, FigureKinds kinds, string? queue, CancellationToken cancellation)
    {
        if (figures.Node is { } node)
        {
            figures = figures with { Node = AddTo(node) };
        }

        if ((kinds & FigureKinds.Exchanges) != 0)
        {
            figures = figures with { Publishes = [.. router.Counts().Select(exchange => ToFigure(exchange.Vhost, exchange.Name, exchange.Counts))] };
        }

        if ((kinds & FigureKinds.Connections) != 0)
        {
            figures = figures with { Connections = [.. amqp.Connections.Select(connection => connection.ToFigure())] };
        }

        if ((kinds & FigureKinds.Channels) != 0)
        {
            figures = figures with { Channels = [.. amqp.Connections.SelectMany(connection => connection.ToChannelFigures())] };
        }

        if ((kinds & FigureKinds.Consumers) != 0)
        {
            figures = figures with { Consumers = [.. amqp.Connections.SelectMany(connection => connection.ToConsumerFigures())] };
        }

        return ValueTask.FromResult(figures);
    }

    public void Look(TimeSpan elapsed, long now)
    {
        _rates.Look(Sums(), elapsed, now);
        foreach (var connection in amqp.Connections)
        {
            connection.Rates.Look([connection.ReceivedBytes, connection.Output.Octets.Sent], elapsed, now);
            connection.OfChannels(channel =>
            {
                channel.Rates.Look(ClientViews.CountsOf(channel.Counts), elapsed, now);
                return 0;
            });
        }

        HashSet<ExchangeCounts> there = [];
        foreach (var (_, _, counts) in router.Counts())
        {
            there.Add(counts);
            _exchangeRates.GetOrAdd(counts, static (_, at) => new CountRates(at), now).Look([counts.In, counts.Out], elapsed, now);
        }

        lock (_gate)
        {
            foreach (var gone in _exchangeRates.Keys.Where(counts => !there.Contains(counts)))
            {
                _exchangeRates.TryRemove(gone, out _);
                _unroutableBefore += gone.Unroutable;
            }
        }
    }

    public bool Close(Guid connection, string reason)
    {
        if (amqp.Connections.FirstOrDefault(open => open.Id.Value == connection) is not { } found)
        {
            return false;
        }

        found.ForceClose(reason);
        return true;
    }

    private NodeFigure AddTo(NodeFigure node) => node with
    {
        HasClients = true,
        Counts = Sums(),
        GrpcCounts = [.. MessageCounts.Events.Select(what => grpc?.Counts.Sum(what) ?? 0)],
        Rates = _rates.Current,
        Unroutable = CountUnroutable(),
        SocketsUsed = amqp.Counts.Open,
        Listeners = [.. node.Listeners, .. listeners.All],
        ConnectionsOpened = amqp.Counts.Opened,
        ConnectionsEnded = amqp.Counts.Opened - amqp.Counts.Open,
        ChannelsOpened = amqp.Channels.Begun,
        ChannelsEnded = amqp.Channels.Ended,
    };

    private long CountUnroutable()
    {
        lock (_gate)
        {
            return _unroutableBefore + router.Counts().Select(exchange => exchange.Counts).Union(_exchangeRates.Keys).Sum(counts => counts.Unroutable);
        }
    }

    private long[] Sums() => [.. MessageCounts.Events.Select(what => amqp.Counts.Sum(what) + (grpc?.Counts.Sum(what) ?? 0))];

    private PublishFigure ToFigure(string vhost, string exchange, ExchangeCounts counts)
    {
        var rates = _exchangeRates.GetValueOrDefault(counts)?.Current ?? [];
        return new PublishFigure(
            vhost, exchange, counts.In, counts.Out, counts.Unroutable, rates.Length > 0 ? rates[0] : 0, rates.Length > 0 ? rates[1] : 0);
    }
}
