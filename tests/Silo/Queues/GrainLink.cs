using System.Threading.Channels;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;

namespace Granary.Silo.Tests.Queues;

/// <summary>A gateway's end of a link to a queue grain: numbers what it sends, sends it until it is answered, and puts what it receives in order.</summary>
internal sealed class GrainLink : ILinkObserver, IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<long, LinkDown> _early = [];
    private readonly Channel<LinkDownItem> _items = Channel.CreateUnbounded<LinkDownItem>();
    private readonly CancellationTokenSource _stop = new();
    private readonly IGrainFactory _grains;
    private readonly IQueueGrain _queue;
    private readonly ConnectionId _connection;
    private readonly ILinkObserver _reference;
    private readonly LinkId _id = LinkId.New();
    private readonly Task _asking;
    private long _sent;
    private long _received;
    private volatile bool _hasEnded;

    private GrainLink(IGrainFactory grains, IQueueGrain queue, ConnectionId connection)
    {
        (_grains, _queue, _connection) = (grains, queue, connection);
        _reference = grains.CreateObjectReference<ILinkObserver>(this);
        _asking = AskAsync();
    }

    /// <summary>The items received, in order.</summary>
    public ChannelReader<LinkDownItem> Items => _items.Reader;

    public SessionId Session { get; } = SessionId.New();

    public long Watermark { get; private set; }

    /// <summary>Lets the queue forget the link, once it has ended.</summary>
    public async Task SayLastAsync() => await _queue.SendAsync(new LinkUp { Link = _id, Number = 0, ReceivedThrough = _received, IsLast = true });

    public static async Task<GrainLink> OpenAsync(IGrainFactory grains, IQueueGrain queue, ConnectionId connection, params LinkUpItem[] items)
    {
        var link = new GrainLink(grains, queue, connection);
        await link.SendAsync(items);
        return link;
    }

    /// <summary>Completes when the packet is applied, or the link has ended.</summary>
    public async Task SendAsync(params LinkUpItem[] items)
    {
        var number = Interlocked.Increment(ref _sent);
        while (!_stop.IsCancellationRequested)
        {
            var packet = new LinkUp
            {
                Link = _id,
                Number = number,
                ReceivedThrough = Interlocked.Read(ref _received),
                Items = items,
                Open = number == 1 ? new LinkOpen(_connection, _reference, Session, default, 1) : null,
            };
            if (await TrySendAsync(packet) >= number || _hasEnded)
            {
                return;
            }

            // An earlier packet is still under way.
            await Task.Delay(1);
        }
    }

    public Task ReceiveAsync(LinkDown down)
    {
        lock (_gate)
        {
            if (down.Number > _received)
            {
                _early[down.Number] = down;
            }

            while (_early.Remove(_received + 1, out var next))
            {
                _received++;
                Watermark = next.Watermark;
                foreach (var item in next.Items)
                {
                    _items.Writer.TryWrite(item);
                    if (item is EndedItem or ClosedItem)
                    {
                        _hasEnded = true;
                        _items.Writer.TryComplete();
                    }
                }
            }
        }

        return Task.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _asking;
        _stop.Dispose();

        // As a gateway does: what is still pushed to it finds nobody, which is not the same as somebody who was forgotten.
        _grains.DeleteObjectReference<ILinkObserver>(_reference);
    }

    private async Task<long> TrySendAsync(LinkUp packet)
    {
        try
        {
            var answer = await _queue.SendAsync(packet);
            foreach (var down in answer.Downs ?? [])
            {
                await ReceiveAsync(down);
            }

            return answer.ReceivedThrough;
        }
        catch (TimeoutException)
        {
            // It may or may not have happened: its number makes it safe to send it again.
            return 0;
        }
    }

    /// <summary>What is lost is asked for, far more often than a gateway would, for the sake of the test's time.</summary>
    private async Task AskAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                if (Interlocked.Read(ref _sent) > 0)
                {
                    await TrySendAsync(new LinkUp { Link = _id, Number = 0, ReceivedThrough = Interlocked.Read(ref _received) });
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            Assert.True(_stop.IsCancellationRequested);
        }
    }
}
