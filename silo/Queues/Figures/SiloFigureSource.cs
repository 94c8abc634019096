using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Silo.Exchanges;
using Granary.Silo.Hosting;
using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Queues.Figures;

/// <summary>What a process with queues tells of them, and of exchanges.</summary>
internal sealed class SiloFigureSource(SiloFigures queues, LocalExchanges exchanges, StoredTopology stored, StoreOptions store, DiskLimit? disk = null) : IFigureSource
{
    public async ValueTask<MemberFigures> AddAsync(MemberFigures figures, FigureKinds kinds, string? queue, CancellationToken cancellation)
    {
        var withBindings = (kinds & FigureKinds.Bindings) != 0;
        if ((kinds & FigureKinds.Stored) != 0)
        {
            figures = figures with
            {
                Stored = (kinds & FigureKinds.StoredMessages) != 0 ? await stored.CountMessagesAsync(cancellation).ConfigureAwait(false)
                    : queue is not null ? await stored.FindAsync(queue, cancellation).ConfigureAwait(false)
                    : await stored.ReadAsync(withBindings, cancellation).ConfigureAwait(false),
            };
        }

        if ((kinds & FigureKinds.Queues) != 0)
        {
            // In this order: one that is deleted in between is told of as such.
            var all = queue is null ? queues.All() : queues.Find(queue) is { } one ? [one] : [];
            figures = figures with { Queues = all, EndedQueues = queues.EndedNames() };
        }

        if ((kinds & FigureKinds.Exchanges) != 0)
        {
            var (there, gone) = await exchanges.AllAsync(withBindings, cancellation).ConfigureAwait(false);
            figures = figures with { Exchanges = there, EndedExchanges = gone };
        }

        return figures.Node is { } node ? figures with { Node = AddTo(node) } : figures;
    }

    private NodeFigure AddTo(NodeFigure node)
    {
        var (declared, deleted) = queues.Turnover;
        var (ready, unacked) = queues.Messages;
        return node with
        {
            HasQueues = true,
            DiskFree = store.Data is { } data ? ProcessFigures.FreeBytes(data.FullName) : node.DiskFree,
            DiskFreeLimit = disk?.Bytes ?? store.DiskFreeLimit,
            QueuesDeclared = declared,
            QueuesEnded = deleted,
            QueueCounts = queues.Totals(),
            Ready = ready,
            Unacked = unacked,
        };
    }
}
