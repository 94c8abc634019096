using System.Text;
using CsCheck;
using Granary.Gateway.Routing;
using Granary.Testing.Walks;

namespace Granary.Gateway.Tests.Routing;

public sealed class PathCacheTests
{
    [Fact]
    public void TryGet_BoundaryBetweenExchangeAndKeyElsewhere_IsAnotherEntry()
    {
        var cache = new PathCache<string>();
        cache.Set("ab"u8, "c"u8, "ab|c");
        cache.Set("a"u8, "bc"u8, "a|bc");

        Assert.True(cache.TryGet("ab"u8, "c"u8, out var path));
        Assert.Equal("ab|c", path);
        Assert.True(cache.TryGet("a"u8, "bc"u8, out path));
        Assert.Equal("a|bc", path);
        Assert.False(cache.TryGet("abc"u8, ""u8, out _));
        Assert.False(cache.TryGet(""u8, ""u8, out _));
    }

    [Fact]
    public void Set_SameKeyAgain_ReplacesThePath()
    {
        var cache = new PathCache<string>();
        cache.Set("x"u8, ""u8, "old");
        cache.Set("x"u8, ""u8, "new");

        Assert.True(cache.TryGet("x"u8, ""u8, out var path));
        Assert.Equal("new", path);
        Assert.Equal(1, cache.Count);
    }

    [Fact]
    public void Set_BeyondCapacity_StartsOverAndStaysBounded()
    {
        var cache = new PathCache<string>(capacity: 100);
        for (var i = 0; i < 1050; i++)
        {
            cache.Set("x"u8, Key(i), $"{i}");
            Assert.True(cache.TryGet("x"u8, Key(i), out var path));
            Assert.Equal($"{i}", path);
        }

        Assert.Equal(50, cache.Count);
        Assert.False(cache.TryGet("x"u8, Key(999), out _));
    }

    [Fact]
    public void Set_LongNamesByTheThousand_StaysBoundedInBytes()
    {
        var cache = new PathCache<string>();
        var exchange = new byte[255];
        for (var i = 0; i < 10_000; i++)
        {
            cache.Set(exchange, Encoding.UTF8.GetBytes($"{i}".PadLeft(255, 'k')), "p");
        }

        Assert.InRange(cache.Count, 1, (1024 * 1024 / 510) + 1);
    }

    /// <summary>Paths are set (with their step as the path), looked for, and rarely all forgotten.</summary>
    [Fact]
    public void Cache_AnySetsAndLooks_AgreesWithADictionary() => Gen.Select(Gen.Frequency((3_333, 's'), (6_666, 'l'), (2, 'c')), Gen.Int[0, 4], Gen.Int[0, 1_999]).Array[1, 20_000].Walk(
        steps =>
        {
            var cache = new PathCache<string>();
            var model = new Dictionary<(int Exchange, int Key), string>();
            for (var step = 0; step < steps.Length; step++)
            {
                var (kind, exchange, key) = steps[step];
                var (exchangeName, keyName) = (Encoding.UTF8.GetBytes($"x{exchange}"), Encoding.UTF8.GetBytes($"{key}"));
                switch (kind)
                {
                    case 's':
                        cache.Set(exchangeName, keyName, $"{step}");
                        model[(exchange, key)] = $"{step}";
                        break;
                    case 'l':
                        var found = cache.TryGet(exchangeName, keyName, out var path);
                        Assert.Equal((model.TryGetValue((exchange, key), out var expected), expected), (found, path));
                        break;
                    default:
                        cache.Clear();
                        model.Clear();
                        break;
                }
            }
        },
        count: 2);

    [Fact]
    public void TryGet_HotKeys_AllocatesNothing()
    {
        var cache = new PathCache<string>();
        cache.Set("x"u8, "k"u8, "p");
        cache.TryGet("x"u8, "k"u8, out _);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            cache.TryGet("x"u8, "k"u8, out _);
            cache.TryGet("x"u8, "other"u8, out _);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static byte[] Key(int number) => Encoding.UTF8.GetBytes($"key.{number}");
}
