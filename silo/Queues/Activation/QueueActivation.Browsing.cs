using Granary.Amqp;
using Granary.Core;
using Granary.Core.Topology;
using Granary.Silo.Queues.Browsing;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Activation;

/// <summary>Who looks at ready messages takes none of them.</summary>
internal sealed partial class QueueActivation
{
    private const int MostShown = 1_000;
    private const int MostShownBytes = 1024 * 1024;

    public async ValueTask<BrowseAnswer> BrowseAsync(ConnectionId by, string after, int most, int bytes)
    {
        await _recovered.Task.ConfigureAwait(false);
        if (!BrowsePlace.TryParse(after, out var place))
        {
            return Refusal(new BrokerError(ReplyCode.PreconditionFailed, $"'{after}' is no place in a queue"));
        }

        (most, bytes) = (Math.Clamp(most, 1, MostShown), Math.Clamp(bytes, 1, MostShownBytes));
        var state = (this, by, place, bytes);
        if (!_turns.TryRun(
            ref state,
            static (ref (QueueActivation Activation, ConnectionId By, BrowsePlace After, int Bytes) call) =>
            {
                call.Activation.NoteCall();
                return call.Activation.Browse(call.By, call.After, call.Bytes);
            },
            out var listed))
        {
            return Refusal(Elsewhere().Error!);
        }

        return listed.Error is { } error ? Refusal(error) : await new QueueView(listed.Journal, most, bytes).ReadAsync(listed.Runs!, _ended.Token).ConfigureAwait(false);

        static BrowseAnswer Refusal(BrokerError error) => new(error, [], null);
    }

    private (BrokerError? Error, BrowsedRuns? Runs, QueueJournal? Journal) Browse(ConnectionId by, BrowsePlace after, int bytes)
    {
        var error = _slot.Declared is not { } declared ? BrokerError.NoQueue(_vhost, _name) : declared.Definition.CheckAccess(by);
        if (error is not null)
        {
            return (error, null, null);
        }

        return _slot.Queue is { Definition.IsHidden: false } queue
            ? (null, queue.Browse(after, bytes), queue.Storage?.Journal)
            : (new BrokerError(ReplyCode.NotImplemented, $"queue '{_name}' in vhost '{_vhost}' cannot be looked at: consumers take nothing out of a stream"), null, null);
    }
}
