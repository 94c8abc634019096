namespace Granary.Gateway.Management.Frame;

/// <summary>What has to be there, as RabbitMQ says that it is not.</summary>
internal static class MissingKeys
{
    public static void Check(params ReadOnlySpan<(string Key, string? Value)> keys)
    {
        List<string> missing = [];
        foreach (var (key, value) in keys)
        {
            if (value is null)
            {
                missing.Add(key);
            }
        }

        if (missing.Count > 0)
        {
            throw Error([.. missing]);
        }
    }

    public static ApiException Error(params string[] keys) => ApiException.BadRequest($"[{string.Join(',', keys.Select(static key => $"{{key_missing,{key}}}"))}]");
}
