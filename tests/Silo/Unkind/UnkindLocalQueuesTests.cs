using Granary.Core.Links;
using Granary.Testing.Unkind;

namespace Granary.Silo.Tests.Unkind;

/// <summary>That packets without calls are treated as unkindly as calls are.</summary>
public sealed class UnkindLocalQueuesTests : ILocalQueues, ILocalQueue, ILocalLink
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Fates _fates = new(seed: 1);
    private readonly List<string> _happened = [];
    private readonly SemaphoreSlim _moved = new(0);
    private ILocalLink? _back;
    private bool _isClosed;

    [Theory]
    [InlineData(Fate.Kind, "up 1", "answer 1")]
    [InlineData(Fate.Lost, "failed")]
    [InlineData(Fate.AnswerLost, "up 1", "failed")]
    [InlineData(Fate.Twice, "up 1", "answer 1", "up 1")]
    public async Task Packet_Upward_ArrivesOrNotAndIsToldOfOnce(Fate fate, params string[] happened)
    {
        _fates.Only = fate;
        Assert.True(Find("q")!.TrySend(Packet(1), this));
        await WhenAsync(happened.Length);
        Assert.Equal(happened.Order(), Happened.Order());
    }

    [Theory]
    [InlineData(Fate.Kind, 1)]
    [InlineData(Fate.Lost, 0)]
    [InlineData(Fate.AnswerLost, 0)]
    [InlineData(Fate.Twice, 2)]
    public async Task Packet_Downward_ArrivesSoManyTimes(Fate fate, int times)
    {
        _fates.Only = Fate.Kind;
        Assert.True(Find("q")!.TrySend(Packet(1), this));
        await WhenAsync(2);

        _fates.Only = fate;
        _back!.Receive(Down(5));
        _fates.Only = Fate.Kind;
        _back.Receive(Down(6));
        await WhenAsync(3 + times);
        Assert.Equal(times, Happened.Count(what => what == "down 5"));
    }

    [Fact]
    public async Task Packets_ThatComeLate_OvertakeEachOther()
    {
        _fates.Only = Fate.Kind;
        var sent = Enumerable.Range(1, 100).Select(number => $"up {number}").ToArray();
        for (var number = 1; number <= 100; number++)
        {
            Find("q")!.TrySend(Packet(number), this);
        }

        await WhenAsync(200);
        var arrived = Happened.Where(what => what.StartsWith("up", StringComparison.Ordinal)).ToArray();
        Assert.NotEqual(sent, arrived);
        Assert.Equal(sent.Order(), arrived.Order());
    }

    [Fact]
    public async Task Packet_QueueEndsMeanwhile_IsAFailure()
    {
        // One that is treated so was taken before its queue is asked.
        _fates.Only = Fate.Twice;
        _isClosed = true;
        Assert.True(Find("q")!.TrySend(Packet(1), this));
        await WhenAsync(1);
        Assert.Equal(["failed"], Happened);
    }

    ILocalQueue? ILocalQueues.Find(string key) => this;

    bool ILocalQueue.TrySend(LinkUp up, ILocalLink link)
    {
        if (_isClosed)
        {
            return false;
        }

        _back ??= link;
        Note($"up {up.Number}");
        link.Answer(new LinkAnswer(up.Number, null));
        return true;
    }

    void ILocalLink.Answer(in LinkAnswer answer) => Note($"answer {answer.ReceivedThrough}");

    void ILocalLink.Fail() => Note("failed");

    void ILocalLink.Receive(LinkDown down) => Note($"down {down.Number}");

    private string[] Happened
    {
        get
        {
            lock (_happened)
            {
                return [.. _happened];
            }
        }
    }

    private static LinkUp Packet(long number) => new() { Link = new LinkId(), Number = number };

    private static LinkDown Down(long number) => new() { Link = new LinkId(), Epoch = 1, Number = number, ReceivedThrough = 0, Watermark = 0, Items = [] };

    private ILocalQueue? Find(string key) => new UnkindLocalQueues(this, _fates).Find(key);

    private void Note(string what)
    {
        lock (_happened)
        {
            _happened.Add(what);
        }

        _moved.Release();
    }

    private async Task WhenAsync(int count)
    {
        while (Happened.Length < count)
        {
            Assert.True(await _moved.WaitAsync(Patience), $"Only {string.Join(", ", Happened)} happened.");
        }
    }
}
