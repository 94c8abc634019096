using Granary.Amqp;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Topology;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.DeadLetters;

/// <summary>
/// Sends one dead letter the whole way when the silo has started, in a vhost that no client can be in. Otherwise the first one would wait for the
/// compiler for tens of milliseconds, in which a client that looks for it takes it for lost.
/// </summary>
internal sealed partial class DeadLetterRehearsal(DeadLetterOffice office, ILogger<DeadLetterRehearsal> log) : BackgroundService
{
    private const string Vhost = "";
    private const string Exchange = "amq.direct";
    private const string Key = "rehearsal";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly ConnectionId _connection = ConnectionId.New();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Not on the thread that starts the host.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var (source, target) = (Queue("source"), Queue("target"));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        limit.CancelAfter(Patience);
        try
        {
            await DeclareAsync(source, target).ConfigureAwait(false);
            await RejectOneAsync(source).ConfigureAwait(false);
            while ((await target.DescribeAsync(_connection).ConfigureAwait(false)).Messages == 0)
            {
                await Task.Delay(Pause, limit.Token).ConfigureAwait(false);
            }

            await source.DeleteAsync(_connection, ifUnused: false, ifEmpty: false).ConfigureAwait(false);
            await target.DeleteAsync(_connection, ifUnused: false, ifEmpty: false).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Nothing depends on it.
            LogFailed(log, exception);
        }
    }

    private async Task DeclareAsync(IQueueGrain source, IQueueGrain target)
    {
        await source.DeclareAsync(Declaration(("x-dead-letter-exchange", Exchange), ("x-dead-letter-routing-key", Key))).ConfigureAwait(false);
        await target.DeclareAsync(Declaration()).ConfigureAwait(false);
        var answer = await target.AddBindingSourceAsync(_connection, Exchange).ConfigureAwait(false);
        await office.Grains.GetGrain<IExchangeGrain>(GrainKeys.For(Vhost, Exchange))
            .BindAsync(new Binding(new Destination(DestinationKind.Queue, "target", answer.Incarnation), Key, default), answer.Durable).ConfigureAwait(false);
    }

    // What is answered would go to a link that the office does not know, and is dropped there.
    private async Task RejectOneAsync(IQueueGrain source)
    {
        byte[] noProperties = [0, 0];
        var record = new byte[MessageRecord.SizeOf(false, 0, 0, noProperties.Length, 0)];
        MessageRecord.WriteHead(record, MessageFlags.None, 0, 0, [], [], noProperties, 0);
        var link = LinkId.New();
        var answer = await source.SendAsync(new LinkUp
        {
            Link = link,
            Number = 1,
            Open = new LinkOpen(_connection, office.Observer, SessionId.New(), default, 1),
            Items = [new PublishItem(new MessageBatch(record, 1, MessageFlags.None), Resent: false), new GetItem(1, NoAck: false)],
        }).ConfigureAwait(false);
        var got = answer.Downs!.SelectMany(down => down.Items).OfType<GotItem>().First().Message!.Value;
        await source.SendAsync(new LinkUp
        {
            Link = link,
            Number = 2,
            Items = [new SettleItem(Settlement.Reject, [new OffsetRange(got.FirstOffset, 1)]), new CloseItem()],
        }).ConfigureAwait(false);
    }

    private IQueueGrain Queue(string name) => office.Grains.GetGrain<IQueueGrain>(GrainKeys.For(Vhost, name));

    private QueueDeclaration Declaration(params (string Name, FieldValue Value)[] arguments) =>
        new(_connection, Durable: false, Exclusive: true, AutoDelete: false, EncodedTable.From(FieldTable.Of(arguments)), ReservedNameAllowed: true);

    [LoggerMessage(3231, LogLevel.Debug, "The first dead letter was not rehearsed")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
