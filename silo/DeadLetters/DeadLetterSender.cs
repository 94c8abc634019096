using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Messages;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.DeadLetters;

/// <summary>
/// The link of one queue to one that its dead messages go to. Numbers give the order; what is not answered is sent again, and a batch is
/// forgotten when the target's watermark has passed it. Used under the gate of its <see cref="DeadLetterOutbox"/>.
/// </summary>
internal sealed partial class DeadLetterSender
{
    private static readonly TimeSpan IdleAfter = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LostAfter = TimeSpan.FromSeconds(1);

    private readonly DeadLetterOutbox _outbox;
    private readonly IQueueGrain _target;
    private readonly DeadLetterOffice _office;
    private readonly LinkStreams _streams;
    private readonly PublishLedger<IPublishOutcome> _published;
    private readonly List<LinkUpItem> _pending = [];
    private DateTimeOffset _waitsUntil;
    private bool _closing;

    public DeadLetterSender(DeadLetterOutbox outbox, string targetName, DeadLetterOffice office)
    {
        (_outbox, TargetName, _office) = (outbox, targetName, office);
        _target = office.Grains.GetGrain<IQueueGrain>(GrainKeys.For(outbox.Vhost, targetName));
        _streams = new LinkStreams(office.Time);
        _published = new PublishLedger<IPublishOutcome>(bytes => outbox.Unaccepted -= bytes, static _ => { });
    }

    public LinkId Id => _streams.Id;

    public string TargetName { get; }

    public bool IsEnded { get; private set; }

    /// <summary>Another link has to be opened for further letters.</summary>
    public bool IsClosing => _closing || IsEnded;

    /// <summary>Sends nothing for a while: the queue is in other hands, perhaps only just now.</summary>
    public void Wait() => _waitsUntil = _office.Time.GetUtcNow() + LostAfter;

    public void Publish(in MessageBatch batch, IPublishOutcome? outcome)
    {
        _outbox.Unaccepted += batch.Records.Length;
        _published.Add(batch, outcome);
        _pending.Add(new PublishItem(batch, Resent: false));
        Flush();
    }

    public void Receive(LinkDown first)
    {
        Accept(first);
        GoOn();
    }

    private void Accept(LinkDown first)
    {
        for (var down = _streams.Accept(first); down is not null && !IsEnded; down = _streams.Next())
        {
            foreach (var item in down.Items)
            {
                Apply(item);
            }

            _published.Advance(down.Watermark);
        }
    }

    private void GoOn()
    {
        if (_streams.TakeLast() is { } last)
        {
            // Should it get lost the target forgets the link by itself, only later.
            _ = SendAsync(last);
        }

        Flush();
    }

    public void Tick()
    {
        if (IsEnded)
        {
            return;
        }

        var due = _streams.TakeDue();
        if (due.Length == 0 && _streams.AllReceived)
        {
            // A push that was lost is asked for: an answer, a watermark, or that the link ended.
            due = _published.IsEmpty && !_closing ? [] : [_streams.Ask()];
        }

        foreach (var up in due)
        {
            _ = SendAsync(up);
        }

        if (!_closing && _published.IsEmpty && _streams.Idle > IdleAfter)
        {
            _closing = true;
            _pending.Add(new CloseItem());
        }

        // Not only for the close: calls may have failed after their packets had arrived.
        Flush();
    }

    private void Flush()
    {
        if (IsEnded || _pending.Count == 0 || !_streams.HasRoom || _office.Time.GetUtcNow() < _waitsUntil)
        {
            return;
        }

        var open = _streams.IsNew ? new LinkOpen(_outbox.Connection, _office.Observer) : null;
        LinkUpItem[] items = [.. _pending];
        _pending.Clear();
        _ = SendAsync(_streams.Add(items, open));
    }

    private async Task SendAsync(LinkUp up)
    {
        try
        {
            var answer = await _target.SendAsync(up).ConfigureAwait(false);
            _outbox.Change(() => Answered(answer));
        }
        catch (Exception exception)
        {
            LogCallFailed(_office.Log, exception, up.Number, _outbox.QueueName, TargetName);
            _outbox.Change(_streams.Failed);
        }
    }

    private void Answered(LinkAnswer answer)
    {
        _streams.Answered(answer);
        foreach (var down in answer.Downs ?? [])
        {
            Accept(down);
        }

        GoOn();
    }

    private void Apply(LinkDownItem item)
    {
        switch (item)
        {
            case PublishedItem published:
                // What a full queue refuses is gone: nobody is there to be told.
                _published.Answer(published);
                break;
            case ClosedItem:
                _published.PassAll();
                End(isRemembered: true);
                break;
            case EndedItem { Reason: LinkEnd.Lost }:
                // Better twice than not at all.
                End(isRemembered: false);
                var next = _outbox.SenderFor(TargetName);
                next.Wait();
                while (_published.TryTakeUnsafe(keep: 0, out var letters, out var fate))
                {
                    next.Publish(letters, fate);
                }

                break;
            case EndedItem ended:
                // What was sent is dropped with the queue. What was not may be meant for a queue declared since.
                var unsent = _pending.OfType<PublishItem>().Count();
                _published.PassAnswered();
                _published.Abandon(unsent);
                End(isRemembered: ended.Reason == LinkEnd.Deleted);
                while (_published.TryTakeUnanswered(out var batch, out var outcome))
                {
                    _outbox.SenderFor(TargetName).Publish(batch, outcome);
                }

                break;
            case OpenedItem:
                break;
            default:
                throw new InvalidOperationException($"A queue sent {item.GetType().Name} to another one.");
        }
    }

    private void End(bool isRemembered)
    {
        IsEnded = true;
        _pending.Clear();
        _streams.End(isRemembered);
        _outbox.Remove(this);
    }

    [LoggerMessage(3221, LogLevel.Debug, "Packet {Number} of dead letters from queue {Queue} to {Target} was not answered; it is sent again")]
    private static partial void LogCallFailed(ILogger logger, Exception exception, long number, string queue, string target);
}
