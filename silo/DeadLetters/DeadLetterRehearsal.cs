using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.DeadLetters;

/// <summary>
/// Sends one dead letter the whole way, in a vhost that no client can be in, when the first queue that has dead letters is declared in this process. The
/// declaration is answered after it. Otherwise the first letter would wait for the compiler, for 40 to 60 ms in which a client that looks for it takes it for
/// lost; and a node without dead letters would keep 9 MiB of compiled code for nothing if all nodes did this at their start.
/// </summary>
internal sealed partial class DeadLetterRehearsal(ILogger<DeadLetterRehearsal> log)
{
    private const string Vhost = "";
    private const string Exchange = "amq.topic";
    private const string Key = "rehearsal.#";
    private const string Source = "source";
    private const string Target = "target";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private Task? _run;
    private Task? _inner;

    /// <summary>Begins it, unless it has begun; completes, and never fails, when it is over, or after a second.</summary>
    /// <param name="vhost">Where a queue with dead letters is declared. Those of the rehearsal itself wait for nothing.</param>
    public Task EndedAsync(DeadLetterOffice office, string vhost)
    {
        if (vhost == Vhost)
        {
            return Task.CompletedTask;
        }

        lock (_gate)
        {
            return _run ??= Task.Run(() => RunAsync(office));
        }
    }

    /// <summary>Completes when nothing of it is under way any more, which may be later than it was waited for, but within <paramref name="limit"/>; never fails.</summary>
    public async Task StopAsync(TimeSpan limit)
    {
        if (Volatile.Read(ref _inner) is { } inner)
        {
            await inner.WaitAsync(limit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task RunAsync(DeadLetterOffice office)
    {
        using var patience = new CancellationTokenSource(Patience, office.Time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(office.Stopping, patience.Token);
        try
        {
            var began = office.Time.GetTimestamp();
            Volatile.Write(ref _inner, RunAsync(office, limit.Token));
            await _inner.WaitAsync(limit.Token).ConfigureAwait(false);
            LogRehearsed(log, office.Time.GetElapsedTime(began).TotalMilliseconds);
        }
        catch (Exception exception)
        {
            // Nothing depends on it.
            LogFailed(log, exception);
        }
    }

    private static async Task RunAsync(DeadLetterOffice office, CancellationToken cancellation)
    {
        var source = office.Grains.Queue(Vhost, Source);
        var target = office.Grains.Queue(Vhost, Target);
        var sessions = office.Open(Vhost);
        var owner = sessions.Connection;
        await DeclareAsync(office, source, target, owner).ConfigureAwait(false);
        await RejectOneAsync(sessions.Open(Source), sessions).WaitAsync(cancellation).ConfigureAwait(false);
        while ((await target.DescribeAsync(owner).ConfigureAwait(false)).Messages == 0)
        {
            await Task.Delay(Pause, cancellation).ConfigureAwait(false);
        }

        await sessions.CloseAsync().ConfigureAwait(false);
        await source.DeleteAsync(owner, ifUnused: false, ifEmpty: false).ConfigureAwait(false);
        await target.DeleteAsync(owner, ifUnused: false, ifEmpty: false).ConfigureAwait(false);
    }

    private static async Task DeclareAsync(DeadLetterOffice office, IQueueGrain source, IQueueGrain target, ConnectionId owner)
    {
        await source.DeclareAsync(Declaration(owner, ("x-dead-letter-exchange", Exchange), ("x-dead-letter-routing-key", Key))).ConfigureAwait(false);
        await target.DeclareAsync(Declaration(owner)).ConfigureAwait(false);
        var answer = await target.AddBindingSourceAsync(owner, Exchange).ConfigureAwait(false);
        await office.Grains.Exchange(Vhost, Exchange)
            .BindAsync(new Binding(new Destination(DestinationKind.Queue, Target, answer.Incarnation), Key, default), answer.Durable).ConfigureAwait(false);
    }

    /// <summary>As a client's connection does it.</summary>
    private static async Task RejectOneAsync(QueueSession session, LinkSet sessions)
    {
        byte[] noProperties = [0, 0];
        var record = new byte[MessageRecord.SizeOf(false, 0, 0, noProperties.Length, 0)];
        MessageRecord.WriteHead(record, MessageFlags.None, 0, 0, [], [], noProperties, 0);
        var got = new TaskCompletionSource<GotItem>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (sessions.Gate)
        {
            session.Publish(new MessageBatch(record, 1, MessageFlags.None), outcome: null);
            session.Get(noAck: false, (_, item) => got.SetResult(item));
            sessions.Flush();
        }

        var message = (await got.Task.ConfigureAwait(false)).Message!.Value;
        lock (sessions.Gate)
        {
            session.Settle(Settlement.Reject, [new OffsetRange(message.FirstOffset, 1)]);
            sessions.Flush();
        }
    }

    private static QueueDeclaration Declaration(ConnectionId owner, params (string Name, FieldValue Value)[] arguments) =>
        new(owner, Durable: false, Exclusive: true, AutoDelete: false, EncodedTable.From(FieldTable.Of(arguments)), ReservedNameAllowed: true);

    [LoggerMessage(3230, LogLevel.Debug, "The first dead letter was rehearsed in {Milliseconds:F1} ms")]
    private static partial void LogRehearsed(ILogger logger, double milliseconds);

    [LoggerMessage(3231, LogLevel.Debug, "The first dead letter was not rehearsed")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
