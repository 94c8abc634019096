using System.Collections.Concurrent;
using Granary.Core.Counting;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Routing;
using Granary.Gateway.Amqp;
using Granary.Gateway.Grpc;
using Granary.Gateway.Grpc.Connections;
using Granary.Gateway.Sockets;

namespace Granary.Gateway.Figures;

/// <summary>What a process with clients tells of them, and of what they publish.</summary>
/// <param name="grpc">Null where nothing is served over gRPC.</param>
internal sealed class GatewayFigures(AmqpServer amqp, Router router, Listeners listeners, SampleTimes times, GrpcServer? grpc = null, ClientListeners? clients = null)
    : IFigureSource, ISampled, IHistorySource, IConnectionCloser
{
    private readonly ConcurrentDictionary<ExchangeCounts, CountHistory> _exchanges = new();
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
            figures = figures with { Connections = [.. amqp.Connections.Select(connection => connection.ToFigure(times)), .. GrpcClients.Select(connection => connection.ToFigure(times))] };
        }

        if ((kinds & FigureKinds.Channels) != 0)
        {
            figures = figures with
            {
                Channels =
                [
                    .. amqp.Connections.SelectMany(connection => connection.ToChannelFigures(times)), .. GrpcClients.SelectMany(connection => connection.ToChannelFigures(times)),
                ],
            };
        }

        if ((kinds & FigureKinds.Consumers) != 0)
        {
            figures = figures with
            {
                Consumers =
                [
                    .. amqp.Connections.SelectMany(connection => connection.ToConsumerFigures()), .. GrpcClients.SelectMany(connection => connection.ToConsumerFigures()),
                ],
            };
        }

        return ValueTask.FromResult(figures);
    }

    public void Look(SampleTimes times)
    {
        foreach (var connection in amqp.Connections)
        {
            connection.Look(times);
        }

        foreach (var connection in GrpcClients)
        {
            connection.Look(times);
        }

        HashSet<ExchangeCounts> there = [];
        foreach (var (_, _, counts) in router.Counts())
        {
            there.Add(counts);
            _exchanges.GetOrAdd(counts, static (_, at) => new CountHistory(at), times.Now).Look([counts.In, counts.Out], times);
        }

        lock (_gate)
        {
            foreach (var gone in _exchanges.Keys.Where(counts => !there.Contains(counts)))
            {
                _exchanges.TryRemove(gone, out _);
                _unroutableBefore += gone.Unroutable;
            }
        }
    }

    public void Tell(HistoryQuery query, long now, List<HistoryFigure> told)
    {
        var keys = query.Keys?.ToHashSet(StringComparer.Ordinal);
        switch (query.Subject)
        {
            case HistorySubject.Exchange:
                foreach (var (vhost, name, counts) in router.Counts())
                {
                    var key = GrainKeys.For(vhost, name);
                    if (IsMeant(key) && _exchanges.TryGetValue(counts, out var history))
                    {
                        told.Add(history.Read(key, query.Range, [counts.In, counts.Out], now, times));
                    }
                }

                break;
            case HistorySubject.Connection:
                told.AddRange(amqp.Connections.Where(connection => IsMeant(connection.Id.Value.ToString())).Select(connection => connection.Tell(query.Range, now, times)));
                told.AddRange(GrpcClients.Where(connection => IsMeant(connection.Id.ToString())).Select(connection => connection.Tell(query.Range, now, times)));
                break;
            case HistorySubject.Channel:
                told.AddRange(amqp.Connections.SelectMany(connection => connection.TellOfChannels(IsMeant, query.Range, now, times)));
                told.AddRange(GrpcClients.SelectMany(connection => connection.TellOfStreams(IsMeant, query.Range, now, times)));
                break;
        }

        bool IsMeant(string key) => keys is null || keys.Contains(key);
    }

    public bool Close(Guid connection, string reason)
    {
        if (amqp.Connections.FirstOrDefault(open => open.Id.Value == connection) is { } found)
        {
            found.ForceClose(reason);
            return true;
        }

        if (GrpcClients.FirstOrDefault(open => open.Id == connection) is { } client)
        {
            _ = client.CloseAsync(reason);
            return true;
        }

        return false;
    }

    private IEnumerable<GrpcConnection> GrpcClients => grpc?.Connections.All ?? [];

    private NodeFigure AddTo(NodeFigure node) => node with
    {
        HasClients = true,
        IsSuspended = clients?.AreSuspended == true,
        Counts = Sums(),
        GrpcCounts = [.. MessageCounts.Events.Select(what => grpc?.Counts.Sum(what) ?? 0)],
        Unroutable = CountUnroutable(),
        SocketsUsed = amqp.Counts.Open + (grpc?.Connections.All.Count ?? 0),
        Listeners = [.. node.Listeners, .. listeners.All],
        ConnectionsOpened = amqp.Counts.Opened + (grpc?.Connections.Connections.Begun ?? 0),
        ConnectionsEnded = amqp.Counts.Opened - amqp.Counts.Open + (grpc?.Connections.Connections.Ended ?? 0),
        ChannelsOpened = amqp.Channels.Begun + (grpc?.Connections.Streams.Begun ?? 0),
        ChannelsEnded = amqp.Channels.Ended + (grpc?.Connections.Streams.Ended ?? 0),
    };

    private long CountUnroutable()
    {
        lock (_gate)
        {
            return _unroutableBefore + router.Counts().Select(exchange => exchange.Counts).Union(_exchanges.Keys).Sum(counts => counts.Unroutable);
        }
    }

    private long[] Sums() => [.. MessageCounts.Events.Select(what => amqp.Counts.Sum(what) + (grpc?.Counts.Sum(what) ?? 0))];

    private PublishFigure ToFigure(string vhost, string exchange, ExchangeCounts counts)
    {
        var rates = _exchanges.GetValueOrDefault(counts)?.Rates(times) ?? [];
        return new PublishFigure(
            vhost, exchange, counts.In, counts.Out, counts.Unroutable, rates.Length > 0 ? rates[0] : 0, rates.Length > 0 ? rates[1] : 0);
    }
}
