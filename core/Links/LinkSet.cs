using Granary.Core.Counting;
using Granary.Core.Grains;
using Granary.Core.Threads;
using Microsoft.Extensions.Logging;

namespace Granary.Core.Links;

/// <summary>Whose links they are. Called under the gate after links changed something: time to write and flush.</summary>
public interface ILinkOwner
{
    void AfterLinks();
}

/// <summary>
/// All sessions of one publisher or consumer with queues, and the gate under which its state is touched: by whoever uses the sessions, by queues that push
/// to it, and by the ticker. Nothing is awaited under the gate. A gateway has one for each client connection, a queue one for its dead letters.
/// </summary>
public sealed partial class LinkSet : ILinkObserver
{
    private readonly IGrainFactory _grains;
    private readonly ILocalQueues? _local;
    private readonly Inbox<LinkNews> _news;
    private readonly Dictionary<string, QueueSession> _byName = [];
    private readonly Dictionary<LinkId, Link> _byId = [];
    private readonly HashSet<QueueSession> _sessions = [];
    private readonly List<QueueSession> _dirty = [];
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

    /// <summary>What is published is tried until a queue has it, in whosever hands the queue is: nobody is there to be told that it is not known.</summary>
    public bool IsPatient { get; init; }

    /// <summary>Changes whenever a session ends, or whoever publishes may do other things than before: paths that were made before are looked up again.</summary>
    public int Generation => Volatile.Read(ref _generation);

    /// <summary>Bytes published and not yet accepted by a queue. The reader of the socket stops while they are many.</summary>
    public long Unaccepted { get; set; }

    /// <summary>Bytes published that are neither known to be safe nor gone: no watermark has passed them. The reader stops while they are many.</summary>
    public long Unpassed { get; set; }

    /// <summary>Bytes published in all.</summary>
    public long Published { get; private set; }

    /// <summary>What the queue that answered last has ready, if consumers are behind with large messages; else 0.</summary>
    public long Backlog { get; internal set; }

    /// <summary>Which silos went; null where none can.</summary>
    public SiloLosses? Losses { get; init; }

    /// <summary>The shortest time that a queue has told for which its deliveries may stay unacknowledged; null: none has.</summary>
    public TimeSpan? ShortestConsumerTimeout { get; private set; }

    /// <summary>The shortest lease (<see cref="MessageLease"/>) that a queue has told, or a consumer asked for; null: there are none.</summary>
    public TimeSpan? ShortestLease { get; private set; }

    /// <summary>Called at each tick, under the gate.</summary>
    public Action? Ticked { get; set; }

    /// <summary>Somebody else who takes pushes for this set; by default the set is an observer itself.</summary>
    public IObserverRegistry? Registry { get; init; }

    internal ILinkObserver Observer => Registry?.Observer ?? (_observer ??= _grains.CreateObjectReference<ILinkObserver>(this));

    internal int NextConsumerId() => ++_lastConsumer;

    internal ILocalQueue? FindLocal(string queue) => _local?.Find(GrainKeys.For(Vhost, queue));

    /// <summary>The session with a queue, whether or not such a queue exists: the first packet finds out.</summary>
    public QueueSession Open(string queue)
    {
        if (!_byName.TryGetValue(queue, out var session))
        {
            session = new QueueSession(this, queue, _grains.Queue(Vhost, queue));
            _byName.Add(queue, session);
            _sessions.Add(session);
        }

        return session;
    }

    internal void NoteConsumerTimeout(TimeSpan? timeout)
    {
        if (timeout < (ShortestConsumerTimeout ?? TimeSpan.MaxValue))
        {
            ShortestConsumerTimeout = timeout;
        }
    }

    internal void NoteLease(TimeSpan? lease)
    {
        if (lease < (ShortestLease ?? TimeSpan.MaxValue))
        {
            ShortestLease = lease;
        }
    }

    /// <summary>Has all paths looked up again. Under the gate.</summary>
    public void EndPaths() => Volatile.Write(ref _generation, _generation + 1);

    internal void MarkDirty(QueueSession session)
    {
        if (!session.IsDirty)
        {
            session.IsDirty = true;
            _dirty.Add(session);
        }
    }

    /// <summary>Tells the owner what comes from elsewhere than links, as if one had brought it. Takes the gate.</summary>
    public void Tell(Action news)
    {
        lock (Gate)
        {
            news();
            AfterLinks();
        }
    }

    /// <summary>Sends what has gathered in all sessions.</summary>
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
    public ValueTask DrainAsync(string queue) => DrainAsync(() => _byName.TryGetValue(queue, out var session) && !session.IsDrained ? [session] : []);

    /// <summary>Completes when everything sent to any queue so far was applied. Takes the gate.</summary>
    public ValueTask DrainAllAsync() => DrainAsync(() => [.. _sessions.Where(session => !session.IsDrained)]);

    // Again and again, because what was not sent when a queue vanished moves to a session of its own.
    private async ValueTask DrainAsync(Func<QueueSession[]> undrained)
    {
        while (true)
        {
            Task drained;
            lock (Gate)
            {
                var sessions = undrained();
                if (sessions.Length == 0)
                {
                    return;
                }

                drained = Task.WhenAll(sessions.Select(session => session.DrainAsync()).ToArray());
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

    /// <summary>All that was published is safe, or gone. Takes the gate.</summary>
    public bool HasNothingUnderWay
    {
        get
        {
            lock (Gate)
            {
                return IsWithin(default);
            }
        }
    }

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

    // False when there is none left. What could not be sent to a queue that vanished has moved to a session that is to be closed as well.
    private bool CloseLinks()
    {
        lock (Gate)
        {
            foreach (var session in _sessions.ToArray())
            {
                session.Close();
            }

            return _sessions.Count > 0;
        }
    }

    public void Tick()
    {
        lock (Gate)
        {
            Ticked?.Invoke();
            foreach (var session in _sessions.ToArray())
            {
                session.Tick();
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
                Take(new LinkNews(link, default, down, Failed: false));
                AfterLinks();
            }
        }

        return Task.CompletedTask;
    }

    /// <summary>Takes what a queue in this process says in a turn that follows. Called on any thread, under any lock.</summary>
    internal void Note(in LinkNews news) => _news.TryPost(news);

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
            // A defect: nobody else's session is to end with it.
            LogNewsNotTaken(Log, exception, news.Link.Session.QueueName);
            news.Link.Session.Lose();
        }
    }

    internal void OnAnswer(Link link, in LinkAnswer answer)
    {
        lock (Gate)
        {
            try
            {
                link.Answered(answer);
                AfterLinks();
            }
            catch (Exception exception)
            {
                // As below.
                LogNewsNotTaken(Log, exception, link.Session.QueueName);
                link.Session.Lose();
            }
        }
    }

    internal void OnCallFailed(Link link)
    {
        lock (Gate)
        {
            link.CallFailed();
        }
    }

    internal void Add(Link link)
    {
        _byId.Add(link.Id, link);
        Registry?.Add(link.Id, this);
    }

    internal void Forget(Link link)
    {
        _byId.Remove(link.Id);
        Registry?.Remove(link.Id);
    }

    /// <summary>The session takes nothing new: whoever wants its queue opens another.</summary>
    internal void Retire(QueueSession session)
    {
        if (ReferenceEquals(_byName.GetValueOrDefault(session.QueueName), session))
        {
            _byName.Remove(session.QueueName);
            EndPaths();
        }
    }

    internal void Remove(QueueSession session, Link link)
    {
        Retire(session);
        _sessions.Remove(session);
        Forget(link);
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

    [LoggerMessage(1221, LogLevel.Error, "What queue {Queue} said to a connection could not be taken; the session with it ends")]
    private static partial void LogNewsNotTaken(ILogger logger, Exception exception, string queue);
}

/// <summary>Takes pushes for many sets: where an observer cannot be made for each.</summary>
public interface IObserverRegistry
{
    ILinkObserver Observer { get; }

    void Add(LinkId link, LinkSet set);

    void Remove(LinkId link);
}
