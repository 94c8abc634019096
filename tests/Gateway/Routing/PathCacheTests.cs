using System.Text;
using Granary.Gateway.Routing;

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

    [Fact]
    public void Cache_RandomWalk_AgreesWithADictionary()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var cache = new PathCache<string>();
        var model = new Dictionary<string, string>();
        for (var step = 0; step < 20_000; step++)
        {
            var (exchange, key) = ($"x{random.Next(5)}", $"{random.Next(2000)}");
            if (random.Next(3) == 0)
            {
                cache.Set(Encoding.UTF8.GetBytes(exchange), Encoding.UTF8.GetBytes(key), $"{step}");
                model[$"{exchange}/{key}"] = $"{step}";
            }
            else
            {
                var found = cache.TryGet(Encoding.UTF8.GetBytes(exchange), Encoding.UTF8.GetBytes(key), out var path);
                Assert.True(found == model.TryGetValue($"{exchange}/{key}", out var expected) && path == expected, $"seed {seed}, step {step}");
            }

            if (random.Next(5000) == 0)
            {
                cache.Clear();
                model.Clear();
            }
        }
    }

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
