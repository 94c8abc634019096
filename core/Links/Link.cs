using Granary.Core.Grains;
using Granary.Core.Threads;
using Microsoft.Extensions.Logging;

namespace Granary.Core.Links;

/// <summary>
/// One conversation of a session with one activation of its queue. It knows the way and the order of packets, not what they say: numbers give the order, and
/// a packet is kept until the queue has said that it received it. Used under the gate of its <see cref="LinkSet"/>.
/// </summary>
public sealed partial class Link : ILocalLink
{
    private readonly LinkSet _set;
    private readonly IQueueGrain _queue;
    private readonly LinkStreams _streams;
    private ILocalQueue? _local;

    internal Link(LinkSet set, QueueSession session, IQueueGrain queue)
    {
        (_set, Session, _queue) = (set, session, queue);
        _streams = new LinkStreams(set.Clock);
    }

    public LinkId Id => _streams.Id;

    internal QueueSession Session { get; }

    /// <summary>No more is to be said over it, though late answers may come.</summary>
    internal bool HasEnded { get; private set; }

    internal bool IsNew => _streams.IsNew;

    internal bool HasAnswer => _streams.HasAnswer;

    internal bool HasRoom => !HasEnded && _streams.HasRoom;

    internal bool AllReceived => _streams.AllReceived;

    internal TimeSpan Idle => _streams.Idle;

    /// <summary>How long nothing has been heard of a queue that is reached by calls; zero for one in this process, which tells when it ends.</summary>
    internal TimeSpan Silent => _local is null ? _streams.Silent : TimeSpan.Zero;

    /// <summary>Has the queue asked whether it is still there.</summary>
    internal void Suspect() => _streams.Suspect();

    /// <summary>Sends the next packet; its number.</summary>
    internal long Send(LinkUpItem[] items, LinkOpen? open)
    {
        var up = _streams.Add(items, open);
        Send(up);
        return up.Number;
    }

    /// <summary>Sends again what got lost, or says what was received; false if there was nothing to say.</summary>
    /// <param name="asks">Something is waited for: a push that was lost is asked for.</param>
    internal bool Tick(bool asks)
    {
        var due = _streams.TakeDue();
        if (due.Length == 0 && asks && _streams.AllReceived && !_streams.IsNew)
        {
            due = [_streams.Ask()];
        }

        if (due.Length > 0 && due[0].Number > 0)
        {
            LogResend(_set.Log, due.Length, Session.QueueName);
        }

        foreach (var up in due)
        {
            Send(up);
        }

        return due.Length > 0;
    }

    /// <summary>Takes what came from a queue in this process.</summary>
    internal void Take(in LinkNews news)
    {
        if (news.Down is { } down)
        {
            Pushed(down);
        }
        else if (news.Failed)
        {
            CallFailed();
        }
        else
        {
            Answered(news.Answer);
        }
    }

    internal void CallFailed()
    {
        _streams.Failed();
        Session.SendLater();
    }

    internal void Answered(in LinkAnswer answer)
    {
        _streams.Answered(answer);
        foreach (var down in answer.Downs ?? [])
        {
            Apply(down);
        }

        AfterApply();
    }

    internal void Pushed(LinkDown down)
    {
        Apply(down);
        AfterApply();
    }

    /// <param name="isRemembered">The queue had it, and remembers it.</param>
    internal void End(bool isRemembered)
    {
        HasEnded = true;
        _streams.End(isRemembered);
    }

    private void Apply(LinkDown first)
    {
        if (HasEnded)
        {
            return;
        }

        if (_streams.IsFromAnother(first))
        {
            // A copy of the first packet has got to an activation that follows, or that says that this one is gone. A link is for one only.
            Session.EndedByQueue(first.Items.OfType<EndedItem>().FirstOrDefault()?.Reason ?? LinkEnd.Lost);
            return;
        }

        for (var down = _streams.Accept(first); down is not null && !HasEnded; down = _streams.Next())
        {
            Session.Apply(this, down);
        }
    }

    private void AfterApply()
    {
        if (_streams.TakeLast() is { } last)
        {
            SendLast(last);
        }

        Session.AfterApply();
    }

    private void Send(LinkUp up)
    {
        _local ??= _set.FindLocal(Session.QueueName);
        if (_local is not { } local || !local.TrySend(up, this))
        {
            _local = null;
            _ = SendAsync(up);
        }
    }

    // Should it get lost the queue forgets the link by itself, only later. An activation that has ended has forgotten it.
    private void SendLast(LinkUp last)
    {
        if (_local is { } local)
        {
            local.TrySend(last, this);
        }
        else
        {
            _ = SendAsync(last);
        }
    }

    private async Task SendAsync(LinkUp up)
    {
        try
        {
            await OwnThread.Leave();
            var answer = await _queue.SendAsync(up).ConfigureAwait(false);
            _set.OnAnswer(this, answer);
        }
        catch (Exception exception)
        {
            // Whether the queue has the packet is not known; its number makes sending it again harmless. Tick does.
            LogCallFailed(_set.Log, exception, up.Number, Session.QueueName);
            _set.OnCallFailed(this);
        }
    }

    void ILocalLink.Answer(in LinkAnswer answer) => _set.Note(new LinkNews(this, answer, null, Failed: false));

    void ILocalLink.Fail() => _set.Note(new LinkNews(this, default, null, Failed: true));

    void ILocalLink.Receive(LinkDown down) => _set.Note(new LinkNews(this, default, down, Failed: false));

    [LoggerMessage(1001, LogLevel.Debug, "Packet {Number} to queue {Queue} was not answered; it is sent again")]
    private static partial void LogCallFailed(ILogger logger, Exception exception, long number, string queue);

    [LoggerMessage(1002, LogLevel.Debug, "Sending {Count} packets to queue {Queue} again")]
    private static partial void LogResend(ILogger logger, int count, string queue);
}

/// <summary>What a queue in this process says: the answer to a packet, a packet downward, or that a packet was not applied.</summary>
internal readonly record struct LinkNews(Link Link, LinkAnswer Answer, LinkDown? Down, bool Failed);
