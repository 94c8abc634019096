using System.IO.Pipelines;
using System.Net;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Transactions;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp.Connections;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Ends;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Links;
using Granary.Gateway.Routing;
using Granary.Gateway.Sockets;
using Granary.Gateway.Tls;
using Granary.Gateway.Topology;
using Granary.Gateway.Tracing;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Amqp;

/// <summary>
/// One open AMQP connection. A single loop reads frames; its state is touched by that loop, by queues that push (<see cref="ILinkOwner"/>), by
/// finished flushes and by the ticker, always under <see cref="LinkSet.Gate"/>. A method that needs another part of the cluster becomes the
/// operation that the loop awaits before the next frame, so that frames take effect in order.
/// </summary>
internal sealed partial class AmqpConnection : ILinkOwner
{
    // Several of the largest messages there may be.
    private const long MostUnreadReplies = 64 * 1024 * 1024;

    private readonly IDuplexPipe _transport;
    private readonly AmqpServer _server;
    private readonly AmqpOutput _output;
    private readonly FrameSlicer _frames;
    private readonly BodyInParts _body;
    private readonly Heartbeat _heartbeat;
    private readonly CancellationToken _aborted;
    private readonly CancellationTokenSource _gone;
    private readonly EndPoint? _peer;
    private readonly Action _abort;
    private readonly ChannelTable _channels;
    private readonly SocketHold _hold;
    private readonly ReplyPost _replies;
    private readonly List<(AmqpChannel Channel, AmqpChannelException Error)> _lost = [];
    private ValueTask? _operation;
    private AmqpChannel? _operationChannel;

    // The channel that a frame or an operation is at work for: an error of it closes that channel alone.
    private AmqpChannel? _current;
    private ConnectionEnd? _end;
    private Task? _released;
    private PublisherPace _pace;
    private bool _hasReceived;
    private bool _hasPublished;
    private State _state;

    // What the client sends makes no sense any more: it is taken and not looked at, until the client is gone.
    private bool _isDeaf;

    private enum State
    {
        Open,

        /// <summary>connection.close was sent, or is about to be: everything but close and close-ok is ignored.</summary>
        Closing,

        Closed,
    }

    /// <param name="peer">The client's address, if it has one.</param>
    /// <param name="signs">What is known of the client while its socket is not read; null if nothing is.</param>
    public AmqpConnection(
        IDuplexPipe transport, EndPoint? peer, AmqpServer server, ConnectionTerms terms, Action abort, CancellationToken aborted, IPeerSigns? signs = null)
    {
        (_transport, _peer, _server, Terms, _abort, _aborted) = (transport, peer, server, terms, abort, aborted);
        Id = ConnectionId.New(server.Losses?.Own);
        ConnectedAt = server.Clock.GetUtcNow();
        History = new CountHistory(ConnectedAt.ToUnixTimeMilliseconds());
        _channels = new ChannelTable(terms.ChannelMax);
        _hold = new SocketHold(signs, server.Clock, server.Options.OperationTimeout);
        _gone = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        Grains = new GrainCalls(server.Grains, terms.Vhost, server.Clock, server.Options.OperationTimeout, server.Log, _gone.Token);
        Rights = new ClientRights(terms.Login?.Access ?? server.Access, terms.User, terms.Vhost);
        Topology = new TopologyCalls(Grains, Id, server.Replies, Rights, Exclusive, server.QueueLimits);
        Links = new LinkSet(server.Grains, server.LocalQueues, Id, terms.Vhost, server.Clock, server.Log) { Owner = this, Losses = server.Losses };
        Publisher = new Publisher(server.Published, server.Spans, terms.Vhost);
        Paths = new PathFinder(Links, server.Router, Rights);
        _replies = new ReplyPost(Links);
        _output = new AmqpOutput(transport.Output, terms.FrameMax, new SendWatch(server.Options.SendTimeout, server.Clock), Links, OnOutputLost, server.Lease);
        _body = new BodyInParts(transport.Input as ITargetedReader);
        _frames = new FrameSlicer(terms.FrameMax);
        _heartbeat = new Heartbeat(terms.Heartbeat, server.Clock);
        Patience = new AckPatience(server.Options.ConsumerTimeout, Links);
    }

    public ConnectionId Id { get; }

    public ConnectionTerms Terms { get; }

    /// <summary>Where the client came in; null if that is not known.</summary>
    public IPEndPoint? Local { get; init; }

    public EndPoint? Peer => _peer;

    public DateTimeOffset ConnectedAt { get; }

    /// <summary>How fast it receives and sends, and its channels work. Looked at by one who samples.</summary>
    public CountHistory History { get; }

    /// <summary>What came from the socket.</summary>
    public SocketTraffic Received => ((_transport.Input is TlsInput tls ? tls.Encrypted : _transport.Input) as SocketInput)?.Traffic ?? default;

    /// <summary>What was agreed on with the client; null: nothing is encrypted.</summary>
    public TlsSession? Tls { get; init; }

    /// <summary>What the client may do.</summary>
    public ClientRights Rights { get; }

    public LinkSet Links { get; }

    public AmqpOutput Output => _output;

    public DeliveryWriter Deliveries => _output.Deliveries;

    public SettlementBuffer Settlements { get; } = new();

    /// <summary>How long its deliveries may stay unacknowledged.</summary>
    public AckPatience Patience { get; }

    public Publisher Publisher { get; }

    /// <summary>Null: messages get no spans.</summary>
    public MessageSpans? Spans => _server.Spans;

    /// <summary>Null: the vhost is not traced.</summary>
    public ClientTrace? Trace => Publisher.Trace;

    public PathFinder Paths { get; }

    public ExclusiveQueues Exclusive { get; } = new();

    public GrainCalls Grains { get; }

    public TopologyCalls Topology { get; }

    /// <summary>For what several queues do together. It does not end with the connection.</summary>
    public AtomicCommit Atomically => new(_server.Grains, Terms.Vhost, Clock, Options.OperationTimeout, Log, _server.Impatient, apart: _server.Apart, local: _server.Transactions);

    /// <summary>The client is gone: nobody waits for what a method answers.</summary>
    public CancellationToken Gone => _gone.Token;

    public TimeProvider Clock => _server.Clock;

    /// <summary>Why the socket is not read at present.</summary>
    public HoldReason Hold => _hold.Reason;

    /// <summary>Completes when nothing of the connection is left at any queue, as far as they can be reached. The socket does not wait for it.</summary>
    public Task Released => _released ?? Task.CompletedTask;

    public ReplyRegistry Replies => _server.Replies;

    public AmqpOptions Options => _server.Options;

    /// <summary>The client asks on and does not read the answers: it is not read either.</summary>
    public bool IsBackedUp => _output.IsBackedUp;

    private ILogger Log => _server.Log;

    /// <summary>Runs until the connection has ended; <see cref="Released"/> is when it has left nothing behind.</summary>
    public async Task RunAsync()
    {
        Rights.Follow(OnRightsChanged);
        try
        {
            while (await ReadUntilFailureAsync().ConfigureAwait(false))
            {
                // A channel was closed, or the handshake has begun that closes the connection: what else the client sent is still to be read.
            }
        }
        finally
        {
            lock (Links.Gate)
            {
                _state = State.Closed;
                EndTurn();
            }

            Rights.Leave();
            _ = ReleaseAsync();
            await WaitForEndAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Called a few times a second.</summary>
    public void Tick()
    {
        lock (Links.Gate)
        {
            if (_hold.HasClientLeft())
            {
                // Elsewhere: what it ends may go on at once, and this holds the gate.
                End(ConnectionEnd.ClientGone);
                _ = _gone.CancelAsync();
            }

            var action = _heartbeat.Tick(_hasReceived || _hold.ExcusesSilence, _output.HasSent);
            _hasReceived = _output.HasSent = false;
            if (action == HeartbeatAction.PeerIsDead)
            {
                // Its links need the ticker on, until their queues have let go of them.
                End(ConnectionEnd.HeartbeatMissed, $"{Terms.Heartbeat}");
                _abort();
            }

            if (_output.IsStuck())
            {
                End(ConnectionEnd.NothingRead, $"{Options.SendTimeout}");
                _abort();
            }

            if (action == HeartbeatAction.Send && _state != State.Closed)
            {
                _output.WriteHeartbeat();
                _output.Flush();
            }

            if (Patience.Tick())
            {
                CloseOverdue();
            }

            if (Patience.LooksForLeases())
            {
                foreach (var channel in _channels.All)
                {
                    channel.EndLeases();
                }

                Settlements.Emit();
            }

            if (Deliveries.HasPending)
            {
                // They may have waited for the lease.
                _output.Flush();
            }

            TickTurn();
            if (!_hasPublished)
            {
                Publisher.Chunks.Forget();
            }

            _hasPublished = false;
        }

        Links.Tick();
    }

    /// <summary>Writes a method from wherever an operation has got to.</summary>
    public void Send<T>(ushort channel, in T method)
        where T : struct, IMethod
    {
        lock (Links.Gate)
        {
            if (_state == State.Open)
            {
                _output.Write(channel, method);
            }
        }
    }

    /// <summary>Makes the read loop await this before it goes on. Under the gate.</summary>
    public void Begin(AmqpChannel? channel, ValueTask operation)
    {
        if (operation.IsCompletedSuccessfully)
        {
            return;
        }

        (_operationChannel, _operation) = (channel, operation);
    }

    /// <summary>Sends a reply once the gate is left.</summary>
    public void Reply(in ReplyTarget target, in MessageBatch reply, PublishRun? run) => _replies.Add(target, reply, run);

    /// <summary>Takes deliveries that come from no queue. Nothing holds those who reply: who does not read his replies is cut off.</summary>
    public void Push(AmqpConsumer consumer, in MessageBatch batch)
    {
        lock (Links.Gate)
        {
            consumer.RepliedBytes += batch.Records.Length;
            if (consumer.RepliedBytes - consumer.WrittenBytes > MostUnreadReplies)
            {
                End(ConnectionEnd.RepliesUnread, $"{MostUnreadReplies}");
                _abort();
            }
            else if (_state == State.Open)
            {
                Deliveries.Add(consumer, new Core.Links.DeliverySlice(batch, 0, Redelivered: false));
                _output.Flush();
            }
        }
    }

    /// <summary>Closes each channel on which a delivery was not acknowledged in time.</summary>
    private void CloseOverdue()
    {
        foreach (var channel in _channels.All)
        {
            if (channel.FindOverdue() is { } error)
            {
                FailChannel(channel, error);
                _output.Flush();
            }
        }
    }

    /// <summary>Closes a channel once the links have done with what they are at.</summary>
    public void Lose(AmqpChannel channel, AmqpChannelException error) => _lost.Add((channel, error));

    public void AfterLinks()
    {
        if (_lost.Count > 0)
        {
            foreach (var (channel, error) in _lost)
            {
                FailChannel(channel, error);
            }

            _lost.Clear();
        }

        _output.Flush();
    }

    private void Flush()
    {
        Publisher.Seal();
        Settlements.Emit();
        Links.Flush();
        _output.Flush();
    }

    private void FailChannel(AmqpChannel channel, AmqpChannelException exception)
    {
        if (_state != State.Open || channel.IsClosing)
        {
            return;
        }

        LogChannelFailed(Log, channel.Number, exception.Text);
        channel.Release();
        channel.IsClosing = true;
        _output.Write(channel.Number, new ChannelClose(exception.ReplyCode, exception.Text, exception.ClassId, exception.MethodId));
    }

    /// <summary>What there is to say of each of its channels. Takes the gate.</summary>
    public T[] OfChannels<T>(Func<AmqpChannel, T> tell)
    {
        lock (Links.Gate)
        {
            return [.. _channels.All.Select(tell)];
        }
    }

    /// <summary>Publishers are held, and it is one of them.</summary>
    public bool IsBlocked => _server.Alarms.IsRaised && Hold == HoldReason.Limits;

    /// <summary>The channel's number is free again.</summary>
    public void Forget(AmqpChannel channel)
    {
        if (_channels.Remove(channel))
        {
            EndChannels(1);
        }
    }

    public void NotePublished() => _hasPublished = true;
}
