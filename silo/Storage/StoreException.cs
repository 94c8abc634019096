namespace Granary.Silo.Storage;

/// <summary>The store cannot be used as it is: somebody has to do something first. The message is for the operator.</summary>
internal sealed class StoreException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>The store is out of reach, or has no room, for now. Trying again later is right.</summary>
internal sealed class StoreUnavailableException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>The store has not what it said it had: nothing is written to it any more, and trying again is of no use.</summary>
internal sealed class StoreLostException(string message) : Exception(message);
