using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Topology;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Activation;

/// <summary>The queue that an exchange has for itself (<see cref="HiddenQueue"/>).</summary>
internal sealed partial class QueueActivation
{
    private const int MostListed = 500;

    /// <summary>Of so many requests it is known that they were carried out.</summary>
    private const int MostRemembered = 1_000;

    // A packet that was under way when the exchange was deleted is not to bring its queue back.
    private bool _hasItsExchangeGone;

    // Requests that cancelled a message, and the same in their order: who has had no answer asks again, and must not be told that the message was not there.
    private readonly HashSet<Guid> _cancelling = [];
    private readonly Queue<Guid> _cancelled = new();

    public async ValueTask<DelayedAnswer> ListDelayedAsync(string after, int most)
    {
        var from = DelayedId.TryParse(after, out var id) ? id : DelayedId.Start;
        var (runs, journal) = ListDelayed(from, Math.Min(most, MostListed));
        List<DelayedMessage> messages = [];
        foreach (var run in runs)
        {
            var record = run.IsLoaded ? run.Records : await ReadAsync(journal!, run.First).ConfigureAwait(false);
            if (!record.IsEmpty)
            {
                messages.Add(new DelayedMessage(new DelayedId(run.Due, run.First).ToString(), run.Due, record.ToArray()));
            }
        }

        return new DelayedAnswer(null, [.. messages]);
    }

    public async ValueTask<QueueAnswer> CancelDelayedAsync(string id, Guid request)
    {
        var flushed = Task.CompletedTask;
        var answer = await CallAsync(
            (id, request),
            (QueueActivation activation, in (string Id, Guid Request) asked) =>
            {
                var answer = activation.CancelDelayed(asked.Id, asked.Request);
                activation._slot.Advance(activation.Now);
                flushed = activation._slot.Queue?.Storage?.Journal.FlushAsync() ?? flushed;
                return answer;
            }).ConfigureAwait(false);
        await flushed.ConfigureAwait(false);
        return answer;
    }

    private QueueAnswer CancelDelayed(string id, Guid request)
    {
        if (_slot.Queue is not { } queue || !DelayedId.TryParse(id, out var which) || !(_cancelling.Contains(request) || queue.CancelDelayed(which)))
        {
            return QueueAnswer.Refused(new BrokerError(Amqp.ReplyCode.NotFound, $"no delayed message '{id}'"));
        }

        if (_cancelling.Add(request))
        {
            _cancelled.Enqueue(request);
            if (_cancelled.Count > MostRemembered)
            {
                _cancelling.Remove(_cancelled.Dequeue());
            }
        }

        return queue.Describe() with { Messages = 1 };
    }

    private (List<MessageRun> Runs, QueueJournal? Journal) ListDelayed(DelayedId after, int most)
    {
        var state = (this, after, most);
        return _turns.TryRun(
            ref state,
            static (ref (QueueActivation Activation, DelayedId After, int Most) call) =>
            {
                call.Activation.NoteCall();
                return call.Activation._slot.Queue is { } queue ? (queue.ListDelayed(call.After, call.Most), queue.Storage?.Journal) : ([], (QueueJournal?)null);
            },
            out var listed)
            ? listed
            : ([], null);
    }

    /// <summary>Nothing, if it left meanwhile.</summary>
    private async Task<ReadOnlyMemory<byte>> ReadAsync(QueueJournal journal, long offset)
    {
        var runs = await journal.ReadAsync(offset, offset + 1, bytes: 1, _ended.Token).ConfigureAwait(false);
        return runs.Length == 0 ? default : runs[0].Records;
    }

    /// <summary>It is declared with the first messages that come for it: so an exchange need not see to it, and can lose nothing by a crash in between.</summary>
    private void DeclareHidden(LinkUp up)
    {
        if (up.Number == 1 && Array.Exists(up.Items, static item => item is PublishItem))
        {
            DeclareHidden();
        }
    }

    private void DeclareHidden()
    {
        if (_slot.Declared is not null || _hasItsExchangeGone || !HiddenQueue.TryParse(_name, out var hidden))
        {
            return;
        }

        lock (Gate)
        {
            Declare(new QueueDeclaration(default, hidden.Durable, Exclusive: false, AutoDelete: false, EncodedTable.Empty, ReservedNameAllowed: true));
        }

        if (_slot.Queue is { DeadLetters: { } next })
        {
            _ = _services.Office.PrepareAsync(_vhost, next);
        }
    }
}
