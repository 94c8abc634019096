using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Threads;
using Granary.Gateway.Counting;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Links;

/// <summary>Whose links they are. Called under the gate after links changed something: time to write and flush.</summary>
internal interface ILinkOwner
{
    void AfterLinks();
}

/// <summary>
/// All links of one client connection, and the gate under which the connection's state is touched: by its read loop, by queues that push
/// to it, and by the ticker. Nothing is awaited under the gate.
/// </summary>
internal sealed partial class LinkSet : ILinkObserver
{
    private readonly IGrainFactory _grains;
    private readonly ILocalQueues? _local;
    private readonly Inbox<LinkNews> _news;
    private readonly Dictionary<string, QueueLink> _byName = [];
    private readonly Dictionary<LinkId, QueueLink> _byId = [];
    private readonly List<QueueLink> _dirty = [];
    private ILinkObserver? _observer;
    private TaskCompletionSource? _room;
    private int _lastConsumer;
    private int _generation;
    private PublishLimits _roomAt;

    /// <param name="local">Queues that are reached without a call; null if none are.</param>
    public LinkSet(IGrainFactory grains, ILocalQueues? local, ConnectionId connection, string vhost, TimeProvider clock, ILogger log)
    {
        (_grains, _local) = (grains, local);
        _news = new Inbox<LinkNews>(Take);
        (Connection, Vhost, Clock, Log) = (connection, vhost, clock, log);
    }

    public Lock Gate { get; } = new();

    public ConnectionId Connection { get; }

    public string Vhost { get; }

    public TimeProvider Clock { get; }

    public ILogger Log { get; }

    public ILinkOwner? Owner { get; set; }

    /// <summary>What was done with messages over these links. Counted under the gate.</summary>
    public MessageCounts Counts { get; } = new();

    /// <summary>Changes whenever a link ends: paths that were made before are looked up again.</summary>
    public int Generation => Volatile.Read(ref _generation);

    /// <summary>Bytes published and not yet accepted by a queue. The reader of the socket stops while they are many.</summary>
    public long Unaccepted { get; set; }

    /// <summary>Bytes published that are neither known to be safe nor gone: no watermark has passed them. The reader stops while they are many.</summary>
    public long Unpassed { get; set; }

    /// <summary>Bytes published in all.</summary>
    public long Published { get; private set; }

    /// <summary>What the queue that answered last has ready, if consumers are behind with large messages; else 0.</summary>
    public long Backlog { get; set; }

    public ILinkObserver Observer => _observer ??= _grains.CreateObjectReference<ILinkObserver>(this);

    public int NextConsumerId() => ++_lastConsumer;

    public ILocalQueue? FindLocal(string queue) => _local?.Find(GrainKeys.For(Vhost, queue));

    public IQueueGrain Queue(string name) => _grains.GetGrain<IQueueGrain>(GrainKeys.For(Vhost, name));

    /// <summary>The link to a queue, whether or not such a queue exists: the first packet finds out.</summary>
    public QueueLink Open(string queue)
    {
        if (!_byName.TryGetValue(queue, out var link))
        {
            link = new QueueLink(this, queue, Queue(queue));
            _byName.Add(queue, link);
            _byId.Add(link.Id, link);
        }

        return link;
    }

    public void MarkDirty(QueueLink link)
    {
        if (!link.IsDirty)
        {
            link.IsDirty = true;
            _dirty.Add(link);
        }
    }

    /// <summary>Sends what has gathered on all links.</summary>
    public void Flush()
    {
        for (var i = 0; i < _dirty.Count; i++)
        {
            _dirty[i].IsDirty = false;
            _dirty[i].Flush();
        }

        _dirty.Clear();
    }

    /// <summary>Completes when everything sent to one queue so far was applied; at once without a link to it. Takes the gate.</summary>
    public ValueTask DrainAsync(string queue) => DrainAsync(() => _byName.TryGetValue(queue, out var link) && !link.IsDrained ? [link] : []);

    /// <summary>Completes when everything sent to any queue so far was applied. Takes the gate.</summary>
    public ValueTask DrainAllAsync() => DrainAsync(() => [.. _byId.Values.Where(link => !link.IsDrained)]);

    // Again and again, because what was not sent when a queue vanished moves to a link of its own.
    private async ValueTask DrainAsync(Func<QueueLink[]> undrained)
    {
        while (true)
        {
            Task drained;
            lock (Gate)
            {
                var links = undrained();
                if (links.Length == 0)
                {
                    return;
                }

                drained = Task.WhenAll(links.Select(link => link.DrainAsync()).ToArray());
            }

            await drained.ConfigureAwait(false);
        }
    }

    public void CountPublished(int bytes)
    {
        Published += bytes;
        Unaccepted += bytes;
        Unpassed += bytes;
    }

    /// <summary>No more than that is on its way.</summary>
    public bool IsWithin(in PublishLimits limits) => Unaccepted <= limits.Unaccepted && Unpassed <= limits.Unpassed;

    /// <summary>Completes at once, or when no more than that is on its way. Takes the gate.</summary>
    public Task WaitForRoomAsync(in PublishLimits limits)
    {
        lock (Gate)
        {
            if (IsWithin(limits))
            {
                return Task.CompletedTask;
            }

            _roomAt = limits;
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task;
        }
    }

    /// <summary>Ends all links: consumers go, what they held is requeued. Takes the gate.</summary>
    public async Task CloseAsync()
    {
        while (CloseLinks())
        {
            await DrainAllAsync().ConfigureAwait(false);
        }

        if (Interlocked.Exchange(ref _observer, null) is { } observer)
        {
            _grains.DeleteObjectReference<ILinkObserver>(observer);
        }
    }

    // False when there is none left. What could not be sent to a queue that vanished has moved to a link that is to be closed as well.
    private bool CloseLinks()
    {
        lock (Gate)
        {
            foreach (var link in _byId.Values.ToArray())
            {
                link.Close();
            }

            return _byId.Count > 0;
        }
    }

    public void Tick()
    {
        lock (Gate)
        {
            foreach (var link in _byId.Values.ToArray())
            {
                link.Tick();
            }

            Flush();
        }
    }

    public Task ReceiveAsync(LinkDown down)
    {
        lock (Gate)
        {
            if (_byId.TryGetValue(down.Link, out var link))
            {
                link.Pushed(down);
                AfterLinks();
            }
        }

        return Task.CompletedTask;
    }

    /// <summary>Takes what a queue in this process says in a turn that follows. Called on any thread, under any lock.</summary>
    public void Note(in LinkNews news) => _news.TryPost(news);

    private void Take(ReadOnlySpan<LinkNews> all)
    {
        lock (Gate)
        {
            try
            {
                foreach (ref readonly var news in all)
                {
                    Take(news);
                }

                AfterLinks();
            }
            catch (Exception exception)
            {
                LogNewsNotTaken(Log, exception, "?");
            }
        }
    }

    private void Take(in LinkNews news)
    {
        try
        {
            news.Link.Take(news);
        }
        catch (Exception exception)
        {
            // A defect: nobody else's link is to end with it.
            LogNewsNotTaken(Log, exception, news.Link.QueueName);
            news.Link.Lose();
        }
    }

    public void OnAnswer(QueueLink link, in LinkAnswer answer)
    {
        lock (Gate)
        {
            link.Answered(answer);
            AfterLinks();
        }
    }

    public void OnCallFailed(QueueLink link)
    {
        lock (Gate)
        {
            link.CallFailed();
        }
    }

    /// <summary>The link takes nothing new: whoever wants its queue opens another.</summary>
    public void Retire(QueueLink link)
    {
        if (ReferenceEquals(_byName.GetValueOrDefault(link.QueueName), link))
        {
            _byName.Remove(link.QueueName);
            Volatile.Write(ref _generation, _generation + 1);
        }
    }

    public void Remove(QueueLink link)
    {
        Retire(link);
        _byId.Remove(link.Id);
    }

    private void AfterLinks()
    {
        Owner?.AfterLinks();
        Flush();
        if (_room is { } room && IsWithin(_roomAt))
        {
            _room = null;
            room.TrySetResult();
        }
    }

    [LoggerMessage(1221, LogLevel.Error, "What queue {Queue} said to a connection could not be taken; the link to it ends")]
    private static partial void LogNewsNotTaken(ILogger logger, Exception exception, string queue);
}

/// <summary>What a queue in this process says: the answer to a packet, a packet downward, or that a packet was not applied.</summary>
internal readonly record struct LinkNews(QueueLink Link, LinkAnswer Answer, LinkDown? Down, bool Failed);
